"""Requests that are no HTTP, that hide others, or that want a proxy."""

import os
import re
import signal
from collections.abc import Iterator

import pytest
import requests

from scripts import SAMPLES
from tests.deploy.exchange import ask, exchange, parsed
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()
NOT_FOUND, WRONG_HOST = (404, "not_found"), (421, "wrong_host")


MALFORMED = {
    "space in the path": b"POST /predictions/a b HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "bad escape": b"POST /predictions/%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "no host": b"POST /predictions/resnet18 HTTP/1.1\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n",
    "user in the host": b"GET / HTTP/1.1\r\nHost: 127.0.0.1@evil.test\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: a\0b\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n[METRICS]\r\n",
} | {
    f"length {length.decode()}": b"POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: " + length + b"\r\n"
    for length in (b"x", b"-5", b"+5", b"0x10", b"1.5", b"5, 6", b"9" * 20, b"")
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_http(service: Service, kind: str) -> None:
    answer = parsed(exchange(service.port, MALFORMED[kind] + b"Connection: close\r\n\r\nabcde"))
    # Some is HTTP, but names nothing here.
    assert error(answer) in ((400, "bad_request"), (421, "wrong_host"), NOT_FOUND)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5;a\nabcde\r\n0\r\n\r\n"),
        ("Content-Length: 6000000\r\n", b"abc"),
        ("Content-Length: 9223372036854775807\r\n", b"abc"),
    ],
    ids=["no chunk", "bad chunk", "too large", "far too large"],
)
def test_an_unreadable_body_is_its_senders_fault(
    service: Service, headers: str, body: bytes
) -> None:
    """With 503 clients would send it again and again."""
    head = "POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    answer = exchange(service.port, f"{head}{headers}\r\n".encode() + body)
    assert error(parsed(answer)) in ((400, "bad_request"), (413, "body_too_large"))


@pytest.mark.parametrize("target", ["http://{management}/metrics", "http://127.0.0.1/metrics"])
def test_no_proxy_for_addresses_here(service: Service, target: str) -> None:
    target = target.format(management=service.state.management[len("http://") :])
    assert error(ask(service, "GET", target)) == NOT_FOUND


@pytest.mark.parametrize("target", ["http://evil.test/", "//evil.test/", "evil.test:80"])
def test_no_proxy_for_addresses_elsewhere(service: Service, target: str) -> None:
    method = "GET" if "/" in target else "CONNECT"
    expected = NOT_FOUND if target.startswith("//") or method == "CONNECT" else WRONG_HOST
    assert error(ask(service, method, target, host="evil.test")) in (WRONG_HOST, expected)
    assert error(ask(service, method, target)) == expected


@pytest.mark.parametrize("line", ["CONNECT {management}", "CONNECT /models", "OPTIONS *"])
def test_no_tunnel(service: Service, line: str) -> None:
    management = service.state.management[len("http://") :]
    hidden = "GET /models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    request = f"{line.format(management=management)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n{hidden}"
    answer = exchange(service.port, request.encode())
    first, *more = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith((b"400", b"404"))
    # A second request is the gateway's own to answer.
    assert [one[:3] for one in more] in ([], [b"404"])
    assert b"Token" not in answer


HIDDEN = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
LONG = b"Content-Length: %d\r\n" % len(CHUNKED)
NONE, SHORT = b"Content-Length: 0\r\n", b"Content-Length: 5\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = {
    "two lengths": (NONE + LENGTH, HIDDEN),
    "two lengths, long first": (LENGTH + NONE, HIDDEN),
    "length, chunked": (LONG + TE, CHUNKED),
    "chunked, length": (TE + LONG, CHUNKED),
    "chunked, short length": (TE + SHORT, CHUNKED),
    "xchunked": (SHORT + b"Transfer-Encoding: xchunked\r\n", CHUNKED),
    "chunked, identity": (TE + b"Transfer-Encoding: identity\r\n", CHUNKED),
    "space before the colon": (SHORT + b"Transfer-Encoding : chunked\r\n", CHUNKED),
    "vertical tab": (SHORT + b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED),
    "folded encoding": (SHORT + b"Transfer-Encoding:\r\n chunked\r\n", CHUNKED),
    "folded length": (b"X-A: b\r\n " + NONE + LENGTH, HIDDEN),
    "signed length": (b"Content-Length: +5\r\n", CHUNKED),
    "chunk extension": (TE, b'0;a="\r\n\r\n' + HIDDEN),
    "chunk extension, LF": (TE, b"0;a\n\r\n" + HIDDEN),
    "LF": (b"Content-Length: 0\n", HIDDEN),
    "CR": (b"X-A: a\r" + NONE + LENGTH, HIDDEN),
    "hop-by-hop length": (b"Connection: Content-Length\r\n" + LENGTH, HIDDEN),
    "hop-by-hop key": (b"Connection: Authorization\r\n" + LENGTH, HIDDEN),
    "upgrade": (b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + LENGTH, HIDDEN),
    "h2c": (
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n" + LENGTH,
        HIDDEN,
    ),
    "pipelined": (NONE, HIDDEN),
}


@pytest.fixture
def unwatched(service: Service) -> Iterator[Service]:
    """The supervisor asks TorchServe all the time; here it stands still meanwhile."""
    os.kill(service.state.pid, signal.SIGSTOP)
    last = counted(service)
    while (now := counted(service)) != last + 1:  # it was in the middle of a question
        last = now
    yield service
    os.kill(service.state.pid, signal.SIGCONT)


def counted(service: Service) -> int:
    """Answers of TorchServe's so far; asking for them is one."""
    text = requests.get(f"{service.state.metrics}/metrics", timeout=10).text
    return int(sum(map(float, re.findall(r"^Requests[245]XX\{.*\} (.*)$", text, re.MULTILINE))))


@pytest.mark.parametrize("kind", SMUGGLED)
def test_no_request_hides_in_another(unwatched: Service, kind: str) -> None:
    service = unwatched
    headers, body = SMUGGLED[kind]
    expected = service.predict(CAT).json()
    before = counted(service)
    head = b"POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    answer = exchange(service.port, head + headers + b"\r\n" + body)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Healthy" not in answer
    status = parsed(answer).status_code
    assert status >= 400
    assert [service.predict(CAT).json() for _ in range(3)] == [expected] * 3
    # Three predictions, the count itself, and the handler's word where a body came to it.
    assert counted(service) - before == 4 + (b"empty_body" in answer or status == 415)
