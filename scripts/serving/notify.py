"""What systemd is told of a service that it started (sd_notify(3)); nobody else asks for it."""

import os
import socket
from contextlib import suppress

WORDS = {"ready": b"READY=1", "stopping": b"STOPPING=1"}  # by the service's status


def notify(status: str) -> None:
    """A manager that does not listen is its own affair: the service goes on."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or status not in WORDS:
        return
    if address.startswith("@"):  # a name without a file
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own, suppress(OSError):
        own.setblocking(False)
        own.sendto(WORDS[status], os.fsencode(address))
