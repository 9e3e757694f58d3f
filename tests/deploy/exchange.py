"""HTTP as it is on the wire: nothing is normalised on the way out."""

import http.client
import io
import re
import socket
from contextlib import suppress

import requests

from tests.service import Service


def exchange(port: int, request: bytes) -> bytes:
    """All that comes back until the server closes the connection: the request must ask for that."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request)
        with suppress(ConnectionResetError):  # it does not read what it does not want
            while len(answer) < 1_000_000 and (part := client.recv(65536)):
                answer += part
                if is_whole(answer):  # the server may wait for this before it closes
                    client.shutdown(socket.SHUT_WR)
    return answer


def is_whole(answer: bytes) -> bool:
    """Whether the answer with which it ends has all of its body."""
    head, _, body = answer[answer.rfind(b"HTTP/1.") :].partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return length is not None and len(body) >= int(length[1])


def parsed(answer: bytes) -> requests.Response:
    """The first answer, as `error` takes it."""

    class Connection:
        def makefile(self, _: str) -> io.BytesIO:
            return io.BytesIO(answer)

    raw = http.client.HTTPResponse(Connection())  # type: ignore[arg-type]
    raw.begin()
    response = requests.Response()
    response.status_code = raw.status
    response.headers.update(raw.headers.items())
    response.raw = io.BytesIO(raw.read())
    return response


def ask(
    service: Service,
    method: str = "GET",
    target: str = "/",
    headers: str = "",
    body: bytes = b"",
    host: str = "127.0.0.1",
) -> requests.Response:
    """The answer to a request in which nothing is normalised. Headers are whole lines."""
    if body:
        headers += f"Content-Length: {len(body)}\r\n"
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
    return parsed(exchange(service.port, head.encode() + body))
