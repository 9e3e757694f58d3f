"""A network of one's own: only a loopback interface, and all ports free."""

import os
import subprocess
import sys

import pytest

# Bring the interface up (SIOCSIFFLAGS, netdevice(7)) and run a command.
LOOPBACK = """
import fcntl, socket, struct, subprocess, sys
assert [name for _, name in socket.if_nameindex()] == ["lo"]
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


def isolated(command: list[str], has_mounts: bool = False) -> list[str]:
    """The command in such a namespace, as its root; has_mounts: with mounts of its own too."""
    unshare = ["unshare", "--net", *(["--mount"] if has_mounts else [])]
    unshare += [] if os.geteuid() == 0 else ["--map-root-user"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        assert not os.environ.get("CI"), "CI can make a namespace"
        pytest.skip("this user may not make a namespace")
    return [*unshare, sys.executable, "-c", LOOPBACK, *command]
