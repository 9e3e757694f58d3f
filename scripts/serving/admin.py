"""Envoy's admin interface, on a socket that only its owner reaches."""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from scripts.serving.bounds import ADMIN


class Unreachable(Exception):
    """It is starting, ending, or stuck; `str(error)` says what happened."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("gateway", timeout=ADMIN)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Admin:
    """Every method raises Unreachable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match."""
        text = self._call("GET", f"/stats?format=json&type=All&filter={quote(pattern)}")
        try:
            found = json.loads(text)["stats"]
        except (ValueError, KeyError) as error:
            raise Unreachable(f"the gateway's statistics: {error!r}") from error
        return {stat["name"]: stat["value"] for stat in found if "name" in stat}

    def allocated(self) -> int:
        """Bytes of memory in use now; the statistics' own number is seconds old."""
        text = self._call("GET", "/memory")
        try:
            return int(json.loads(text)["allocated"])
        except (ValueError, KeyError) as error:
            raise Unreachable(f"the gateway's memory: {error!r}") from error

    def set_runtime(self, values: Mapping[str, int]) -> None:
        """Of what Envoy looks up whenever it needs it."""
        self._call("POST", f"/runtime_modify?{urlencode(values)}")

    def reopen_logs(self) -> None:
        """Go on writing in new files; the ones before have other names by now."""
        self._call("POST", "/reopen_logs")

    def drain(self) -> None:
        """Let nobody in from now on, and close each connection with its answer."""
        self._call("POST", "/healthcheck/fail")
        self._call("POST", "/drain_listeners?inboundonly")  # not the inner ones

    def quit(self) -> None:
        """End, with what is logged written down."""
        self._call("POST", "/quitquitquit")

    def _call(self, method: str, target: str) -> str:
        connection = _Connection(self._path)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the gateway's admin interface: {error!r}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise Unreachable(f"{target}: {response.status} {text.strip()}")
        return text
