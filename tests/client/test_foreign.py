"""What else may answer at an address: proxies, other services, nobody."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client import classifier
from client.classifier import Classifier
from client.errors import ServiceError
from client.http import LONGEST_WAIT, retry_after
from scripts import ROOT
from scripts.serving.ports import free_port
from tests.client.foreign import Answer, answer, foreign

KEY = "3f9c1d2e4b5a69788796a5b4c3d2e1f0"
PASSWORD = "pa55-w0rd"
ITEM = {"class": "tabby", "class_zh": "虎斑猫", "class_id": 281, "wnid": "n1", "confidence": 0.5}
GOOD = json.dumps([ITEM]).encode()
HTML = b"<html><title>Sign in to the network</title></html>"
MARKED = ("Content-Type: text/html",)


def failure(url: str, patience: float = 5) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        Classifier(url, access_key=KEY, patience=patience, timeout=5).classify(b"picture")
    assert KEY not in repr(caught.getrepr(style="long", showlocals=False))
    return caught.value


def endless(*headers: str) -> list[bytes]:
    head = "\r\n".join(["HTTP/1.1 200 OK", "Connection: close", *headers, "", ""])
    return [head.encode(), b"[" * 500_000]


@pytest.mark.parametrize(
    ("type", "said"),
    [
        ("bad_answer", answer(200, HTML, *MARKED)),
        ("bad_answer", answer(200, b"")),
        ("bad_answer", answer(200, b"[]")),
        ("bad_answer", answer(200, b"null")),
        ("bad_answer", answer(200, b"[" * 100_000)),
        ("bad_answer", answer(200, b'{"predictions": []}')),
        ("bad_answer", answer(200, b'[{"label": "cat", "score": 0.5}]')),
        ("bad_answer", answer(200, json.dumps([ITEM | {"confidence": "0.5"}]).encode())),
        ("bad_answer", answer(200, json.dumps([ITEM | {"confidence": float("nan")}]).encode())),
        ("bad_answer", answer(200, json.dumps([ITEM, {}]).encode())),
        ("bad_answer", answer(200, b"no gzip", "Content-Encoding: gzip")),
        ("bad_answer", answer(204)),
        ("bad_answer", endless()),
        ("redirected", answer(301, HTML, "Location: https://elsewhere.test/predictions/resnet18")),
        ("redirected", answer(302, b"", f"Location: http://u:{PASSWORD}@elsewhere.test/?k={KEY}")),
        ("redirected", answer(307, b"", "Location: http://[")),
        ("unauthorized", answer(401, HTML, *MARKED, "WWW-Authenticate: Bearer")),
        ("unauthorized", answer(401, json.dumps({"code": 401, "type": "unauthorized",
                                                 "message": f"{KEY} is wrong"}).encode())),
        ("forbidden", answer(403, HTML, *MARKED)),
        ("not_found", answer(404, HTML, *MARKED)),
        ("body_too_large", answer(413, HTML, *MARKED)),
        ("unexpected", answer(500, b'{"type": {}, "message": 3}')),
        ("unexpected", answer(418, b"[" * 100_000)),
    ],
)  # fmt: skip
def test_answers_that_time_does_not_mend(type: str, said: Answer) -> None:
    with foreign(said) as server:
        error = failure(server.url)
    assert error.type == type
    assert len(server.heads) == 1
    assert PASSWORD not in str(error)
    assert len(str(error)) < 300


def test_a_redirect_says_where_to() -> None:
    with foreign(answer(308, b"", "Location: https://elsewhere.test:8443/x")) as server:
        assert "https://elsewhere.test:8443." in str(failure(server.url))


@pytest.mark.parametrize(
    "first",
    [
        answer(502, HTML, *MARKED),
        answer(503, b""),
        answer(504, HTML, *MARKED),
        answer(429, b"slow down"),
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{",
        answer(503, b"", "Retry-After: nan"),
        answer(503, b"", f"Retry-After: {'9' * 400}"),
        answer(503, b"", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
    ],
)
def test_what_time_mends_is_asked_again(first: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "PAUSE", 0.01)  # seconds
    with foreign(first, answer(200, GOOD)) as server:
        began = time.monotonic()
        assert Classifier(server.url, patience=1).classify(b"picture") == [ITEM]
    assert len(server.heads) == 2
    assert time.monotonic() - began < 3


def test_a_short_silence_is_not_told_and_a_long_one_once() -> None:
    busy, good = answer(429, b"", "Retry-After: 0"), answer(200, GOOD)
    told: list[ServiceError] = []
    with foreign(busy, good, busy, good, answer(503)) as server:
        asking = Classifier(server.url, patience=2, on_wait=told.append)
        for _ in range(2):
            asking.classify(b"picture")
        assert not told
        with pytest.raises(ServiceError):
            asking.classify(b"picture")
    assert [error.type for error in told] == ["unavailable"]


def test_nobody_is_asked_without_a_pause() -> None:
    with foreign(answer(503, b"", "Retry-After: 0")) as server:
        assert failure(server.url, patience=1).type == "unavailable"
    assert len(server.heads) <= 1 + 1 / classifier.PAUSE + 1


@settings(max_examples=50, deadline=None)
@given(st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str))
def test_a_wait_is_bounded_whatever_the_header_says(header: str) -> None:
    wait = retry_after(header)
    assert wait is None or 0 <= wait <= LONGEST_WAIT


def test_a_wait_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert retry_after(soon) == pytest.approx(19, abs=2)
    assert retry_after("20") == 20
    assert retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert retry_after("Fri, 31 Dec 9999 23:59:59 -1200") in (None, LONGEST_WAIT)
    assert [retry_after(text) for text in ("-7", "nan", "1e9", "soon", "", "²")] == [None] * 6


def test_compressed_answers_are_read() -> None:
    with foreign(answer(200, gzip.compress(GOOD), "Content-Encoding: gzip")) as server:
        assert Classifier(server.url).classify(b"picture") == [ITEM]


def test_an_answer_that_never_ends_is_left() -> None:
    with foreign([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "]) as server:
        asking = Classifier(server.url, patience=0, timeout=0.5)
        with pytest.raises(ServiceError, match="did not answer in time"):
            asking.classify(b"picture")


def test_one_picture_alone_ends_although_others_are_answered() -> None:
    """A service that is there, and never answers this one."""
    with foreign(answer(200, GOOD)) as well, foreign(answer(502)) as ill:
        asking = Classifier(ill.url, patience=1)
        ended = threading.Event()

        def go_on() -> None:
            good = Classifier(well.url)
            good._silence = asking._silence  # as if both were one service
            while not ended.is_set():
                good.classify(b"picture")

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            with pytest.raises(ServiceError) as caught:
                asking.classify(b"picture")
        finally:
            ended.set()
            thread.join()
        assert caught.value.type == "unavailable"


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8000", "localhost:8000", "pictures.test", "", "http://", "//pictures.test"),
        *("ftp://pictures.test", "http://pictures.test:99999", "http://pictures.test:x", "http://["),
        *(f"http://me:{PASSWORD}@pictures.test", f"me:{PASSWORD}@pictures.test:80"),
        *("http://pictures.test/?a=b", "http://pictures.test/#a", "http://a b.test", "http://a\n.test"),
    ],
)  # fmt: skip
def test_addresses_that_can_t_be_asked(url: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Classifier(url)
    assert caught.value.type == "bad_address"
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://a..b", f"http://{'a' * 70}.test", "http://*.test", "http://pictures.invalid"]
)
def test_hosts_that_can_t_be(url: str) -> None:
    error = failure(url, patience=0)
    assert not error.passes or error.type == "unreachable"  # where nobody knows names


@pytest.mark.parametrize("key", ["a\nb", "a\r\nX: 1", " abc", "abc ", "schlüssel", "钥匙", "a\0"])
def test_keys_that_can_t_be_sent(key: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Classifier("http://127.0.0.1:1", access_key=key)
    assert caught.value.type == "bad_key"
    assert key.strip() not in str(caught.value)


def test_nobody_there() -> None:
    error = failure(f"http://127.0.0.1:{free_port()}", patience=0)
    assert (error.type, str(error).split(": ")[-1]) == ("unreachable", "Connection refused")


def test_a_model_s_name_is_one_part_of_the_path() -> None:
    with foreign(answer(200, GOOD)) as server:
        Classifier(server.url, "a/b ü?c", version="1 2").classify(b"picture")
    assert server.heads[0].startswith("POST /predictions/a%2Fb%20%C3%BC%3Fc/1%202 HTTP")


def test_the_command_asks_in_vain_only_once(tmp_path: Path) -> None:
    """With a wrong key, for instance."""
    for number in range(40):
        (tmp_path / f"{number}.jpg").write_bytes(b"picture")
    said = json.dumps({"type": "unauthorized", "message": f"not {KEY}"}).encode()
    command = [sys.executable, "scripts/classify.py"]
    with foreign(answer(401, said)) as server:
        done = subprocess.run(
            [*command, "--url", server.url, str(tmp_path)],
            cwd=ROOT,
            env=os.environ | {"ACCESS_KEY": KEY},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert len(server.heads) < 15
    assert done.stderr == "classify: stopped after 1 of 40 pictures: not …\n"
    assert KEY not in done.stdout
