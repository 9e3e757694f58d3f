"""What wrk sends, as a server sees it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.load import Door, drive
from scripts import SAMPLES

PICTURES = sorted(SAMPLES.glob("*.jpg"))[:2]

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")


class Echo(ThreadingHTTPServer):
    """Keeps what it is sent; refuses every other request where told to."""

    def __init__(self, refuse: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuse = refuse
        self.seen: list[tuple[dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Echo

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        self.send_response(503 if self.server.refuse and len(self.server.seen) % 2 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echo(refuse: bool = False) -> Iterator[Echo]:
    with Echo(refuse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def door_to(server: Echo, header: str = "", form: bool = False) -> Door:
    return Door(f"http://127.0.0.1:{server.server_port}/predict", header, form)


@needs_wrk
@pytest.mark.parametrize("header", ["", "Inference-Header-Content-Length: 0"])
def test_a_body_is_the_picture_and_the_header_arrives(header: str) -> None:
    with echo() as server:
        load = drive(door_to(server, header), 1, 1, PICTURES)
    bodies = {body for _, body in server.seen}
    assert bodies == {path.read_bytes() for path in PICTURES}
    name, _, value = header.partition(": ")
    assert all(headers.get(name, "") == value for headers, _ in server.seen)
    assert load.answers > 2
    assert load.refused == load.broken == 0


@needs_wrk
def test_a_refusal_is_no_good_answer() -> None:
    with echo(refuse=True) as server:
        load = drive(door_to(server), 1, 1, PICTURES)
    assert abs(load.refused - load.answers / 2) <= 1
    assert load.throughput == pytest.approx((load.answers - load.refused) / load.seconds)


@pytest.mark.parametrize("form", [False, True])
def test_one_request_is_what_the_load_is_made_of(form: bool) -> None:
    picture = PICTURES[0].read_bytes()
    with echo() as server:
        assert door_to(server, "Authorization: Bearer key", form).post(picture, 10).ok
    ((headers, body),) = server.seen
    assert headers["Authorization"] == "Bearer key"
    assert picture in body
    assert (body == picture) is not form


def test_wrk_that_fails_says_why(tmp_path: Path) -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    with pytest.raises(RuntimeError, match=r"wrk ended"):
        drive(Door("no address"), 1, 1, [tmp_path / "missing.jpg"])
