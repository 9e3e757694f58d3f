"""Paths that Envoy, Java and commands in other locales read as they were meant."""

import os
import sys

ON = {"PYTHONUTF8": "1"}


def in_utf8_mode() -> None:
    """Start this command again where Python takes a path's bytes for another encoding than UTF-8.

    What it prints keeps the terminal's encoding, and has escapes for what that does not know.
    """
    if sys.getfilesystemencoding() == "utf-8" or ON.items() <= os.environ.items():
        return
    output = {"PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"} if sys.stdout else {}
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, command, output | os.environ | ON)  # noqa: S606
