"""Ports that belong to this service from the moment they are chosen."""

import atexit
import errno
import socket
from collections.abc import Mapping

from scripts.serving.variables import BadSetting

BACKLOG = 1024  # connections that wait to be accepted


class Claims:
    """Ports of loopback for processes that bind them themselves.

    Each is held by a socket that never listens. Bound without SO_REUSEADDR it gets a port that
    nobody has; with SO_REUSEADDR, set afterwards, it lets the process that the port is for bind
    beside it (socket(7)), which Java and Go do with that option. Others who want any free port do
    not get it, and the next service that tries to claim it takes another.
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
    """A port that nobody else gets while this process lives; for tests and benchmarks."""
    claim = Claims({"port": 0})
    atexit.register(claim.close)
    return claim["port"]


class Door:
    """The bound sockets of page and API, which the gateway gets as they are."""

    def __init__(self, host: str, port: int, has_quic: bool = False) -> None:
        """has_quic: for UDP too. Raises BadSetting."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()
        try:
            self.tcp = socket.create_server(
                (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both
            )
            self.udp = socket.socket(family, socket.SOCK_DGRAM) if has_quic else None
            if self.udp:
                self.udp.bind((host, port))
        except OSError as error:
            raise BadSetting(_why(host, port, error)) from None

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return (self.tcp, self.udp) if self.udp else (self.tcp,)

    def close(self) -> None:
        for one in self.sockets:
            one.close()


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
