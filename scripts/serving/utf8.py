"""Paths that Envoy, Java and commands in other locales read as they were meant."""

import io
import os
import sys

ON = {"PYTHONUTF8": "1"}


def in_utf8_mode() -> None:
    """Start this command again where Python takes a path's bytes for another encoding than UTF-8.

    Before anything else is imported: from such a path Python 3.12 loads no module written in C.
    What it prints keeps the terminal's encoding, and has escapes for what that does not know.
    """
    if sys.getfilesystemencoding() != "utf-8" and not ON.items() <= os.environ.items():
        output = {"PYTHONIOENCODING": sys.stdout.encoding} if sys.stdout else {}
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, output | os.environ | ON)  # noqa: S606
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
