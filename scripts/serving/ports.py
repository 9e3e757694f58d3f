"""Ports that belong to this service from the moment they are chosen."""

import errno
import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from scripts.serving.variables import BadSetting


class Claims:
    """Ports of loopback for processes that bind them themselves.

    Each is held by a socket that never listens. Bound without SO_REUSEADDR it gets a port that
    nobody has; with SO_REUSEADDR, set afterwards, it lets the process that the port is for bind
    beside it (socket(7)), which Java and Envoy do with that option. Others who want any free port
    do not get it, and the next service that tries to claim it takes another.
    """

    def __init__(self, wanted: Mapping[str, int]) -> None:
        """wanted: the port of each name, which is another one where that is taken."""
        self._sockets = [self._claim(port) for port in wanted.values()]
        ports = [claim.getsockname()[1] for claim in self._sockets]
        self._ports: dict[str, int] = dict(zip(wanted, ports, strict=True))

    def __getitem__(self, name: str) -> int:
        return self._ports[name]

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self[name]}"

    def close(self) -> None:
        for claim in self._sockets:
            claim.close()

    @staticmethod
    def _claim(port: int) -> socket.socket:
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind(("127.0.0.1", port))
        except OSError:
            claim.bind(("127.0.0.1", 0))
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return claim


def free_port() -> int:
    """For tests and benchmarks: one below those that the kernel gives to who wants any."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, lowest)  # noqa: S311
        with suppress(BadSetting):
            Door("127.0.0.1", port, has_udp=True).close()
            return port


class Door:
    """The port of page and API, on the address that is asked for, for the gateway to listen on."""

    def __init__(self, host: str, port: int, has_udp: bool = False) -> None:
        """has_udp: it must be free for UDP too. Raises BadSetting."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._lock = socket.socket(socket.AF_UNIX)
        self._claim = socket.socket(family)
        try:
            # Of two services that start at once, neither of which listens yet, one gets this name.
            self._lock.bind(f"\0classification {host} {port}")
            self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after one before
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                for one in (self._claim, udp) if has_udp else (self._claim,):
                    if host == "::":
                        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    one.bind((host, port))
            self._claim.listen()  # fails where another program does
            self._claim.shutdown(socket.SHUT_RDWR)  # no longer, but the port stays bound
        except OSError as error:
            self.close()
            raise BadSetting(_why(host, port, error)) from None

    def close(self) -> None:
        self._claim.close()
        self._lock.close()


def _why(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            other = port + 1 if port < 65535 else port - 1
            return (
                f"PORT={port}: another program has this port. Choose another, such as PORT={other}"
            )
        case errno.EACCES:
            return (
                f"PORT={port}: only root may use this port. Choose another (PORT=8443), or "
                "allow every user to use low ports: "
                f"sysctl net.ipv4.ip_unprivileged_port_start={port}"
            )
        case errno.EADDRNOTAVAIL:
            return f"HOST={host}: this machine has no such address"
    return f"HOST={host} PORT={port}: {error.strerror or error}"
