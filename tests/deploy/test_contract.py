"""The HTTP contract at the gateway, against the real service."""

import base64
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from handler.labels import IMAGENET
from scripts import SAMPLES
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()
JSON_TYPE = {"Content-Type": "application/json"}


def test_answer(service: Service) -> None:
    response = service.predict(CAT)
    assert response.headers["content-type"] == "application/json"
    items = response.json()
    assert [set(item) for item in items] == [
        {"class", "class_zh", "class_id", "wnid", "confidence"}
    ] * 3
    assert items == sorted(items, key=lambda item: -item["confidence"])
    names = IMAGENET.read_text("utf-8").splitlines()
    for item in items:
        row = f"{item['class']}\t{item['class_zh']}\t{item['wnid']}"
        assert row == names[item["class_id"]]


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "application/x-www-form-urlencoded", "application/json", "é", ""]
)
def test_picture_of_any_content_type(service: Service, content_type: str) -> None:
    answer = service.predict(CAT, headers={"Content-Type": content_type.encode("latin-1")})
    assert answer.json() == service.predict(CAT).json()


def test_other_forms(service: Service) -> None:
    expected = service.predict(CAT).json()
    url = f"{service.url}/predictions/resnet18"
    for field in ("data", "file"):
        assert requests.post(url, files={field: CAT}, timeout=60).json() == expected
    text = base64.b64encode(CAT).decode()
    for data in (text, f"data:image/jpeg;base64,{text}"):
        assert requests.post(url, json={"data": data}, timeout=60).json() == expected
    picture = SAMPLES / "cat.jpg"
    # The second is how TorchServe's own examples send a picture, as a PUT.
    for options in (["--data-binary", f"@{picture}"], ["--upload-file", str(picture)]):
        command = ["curl", "-sS", *options, f"{url}/1.0"]
        answer = subprocess.run(command, capture_output=True, check=True).stdout
        assert json.loads(answer) == expected


@pytest.mark.parametrize(("parameters", "headers"), [("?top_k=5", {}), ("", {"X-Top-K": "5"})])
def test_top_k(service: Service, parameters: str, headers: dict[str, str]) -> None:
    url = f"{service.url}/predictions/resnet18{parameters}"
    items = requests.post(url, CAT, headers=headers, timeout=60).json()
    assert len(items) == 5
    assert items[:3] == service.predict(CAT).json()


@pytest.mark.parametrize(
    "top_k", ["0", "1001", "", "x", "1.5", "-1", "%0d%0aA:%20b", "é", "9" * 99]
)
def test_bad_top_k(service: Service, top_k: str) -> None:
    url = f"{service.url}/predictions/resnet18?top_k={top_k}"
    assert error(requests.post(url, CAT, timeout=60)) == (400, "bad_top_k")


TEXT = base64.b64encode(CAT).decode()
TOP_KS = {
    "query, escaped": {"params": "top%5fk=%35", "data": CAT},
    "query and header": {"params": "top_k=5", "headers": {"X-Top-K": "5"}, "data": CAT},
    "query of a large body": {"params": "top_k=5", "data": CAT.ljust(600_000)},
    "form": {"data": {"top_k": "5"}, "files": {"image": CAT}},
    "urlencoded": {"data": {"top_k": "5", "data": TEXT}},
    "JSON": {"json": {"top_k": 5, "data": TEXT}},
}


@pytest.mark.parametrize("how", TOP_KS)
def test_top_k_anywhere(service: Service, how: str) -> None:
    options: dict[str, Any] = TOP_KS[how]
    answer = requests.post(f"{service.url}/predictions/resnet18", timeout=60, **options)
    assert [item["class_id"] for item in answer.json()][:1] == [285]
    assert len(answer.json()) == 5


IGNORED_BY_OTHERS = {
    "query": {"params": "topk=5", "data": CAT},
    "query beside": {"params": "top_k=5&top=1", "data": CAT},
    "query of a large body": {"params": "top=5", "data": CAT.ljust(600_000)},
    "query twice": {"params": "top_k=3&top_k=5", "data": CAT},
    "query and header": {"params": "top_k=3", "headers": {"X-Top-K": "5"}, "data": CAT},
    "query and form": {"params": "top_k=3", "data": {"top_k": 5}, "files": {"data": CAT}},
    "form": {"data": {"topk": "5"}, "files": {"data": CAT}},
    "two pictures": {"files": {"data": CAT, "file": CAT}},
    "JSON": {"json": {"topk": 5, "data": TEXT}},
}


@pytest.mark.parametrize("where", IGNORED_BY_OTHERS)
@pytest.mark.parametrize("call", ["predictions", "explanations"])
def test_nothing_is_ignored(service: Service, where: str, call: str) -> None:
    options: dict[str, Any] = IGNORED_BY_OTHERS[where]
    answer = requests.post(f"{service.url}/{call}/resnet18", timeout=60, **options)
    assert answer.status_code == 400
    assert "top_k" in answer.json()["message"] or "2 pictures" in answer.json()["message"]


def test_a_clients_own_header_is_no_query(service: Service) -> None:
    assert len(service.predict(CAT, headers={"X-Query": "top_k=5"}).json()) == 3


BAD = {
    "empty_body": (b"", {}, 400),
    "unsupported_format": (b"just text\n", {}, 415),
    "corrupt_picture": (CAT[: len(CAT) // 2], {}, 422),
    "bad_json": (b'{"data": 1}', JSON_TYPE, 400),
    "bad_base64": (b'{"data": "%%%"}', JSON_TYPE, 400),
    "bad_multipart": (b"--x\r\n", {"Content-Type": "multipart/form-data"}, 400),
    "body_too_large": (bytes(6_000_000), {}, 413),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_body_and_a_good_one_at_the_same_time(service: Service, kind: str) -> None:
    body, headers, status = BAD[kind]
    expected = service.predict(CAT).json()
    started = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        bad = [pool.submit(service.predict, body, headers=headers) for _ in range(3)]
        good = [pool.submit(service.predict, CAT) for _ in range(3)]
        assert [error(answer.result()) for answer in bad] == [(status, kind)] * 3
        for answer in good:
            items = answer.result().json()
            assert [item["class_id"] for item in items] == [item["class_id"] for item in expected]
    assert time.monotonic() - started < 10  # nothing was sent again and again


def test_no_content_length(service: Service) -> None:
    def chunks(body: bytes) -> Any:
        return (body[start : start + 10_000] for start in range(0, len(body), 10_000))

    expected = service.predict(CAT).json()
    assert service.predict(chunks(CAT)).json() == expected
    started = time.monotonic()
    for _ in range(8):
        assert error(service.predict(chunks(bytes(6_000_000)))) == (413, "body_too_large")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("size", [len(CAT), 4_900_000, 6_000_000])
def test_clients_that_send_files_in_chunks(service: Service, tmp_path: Path, size: int) -> None:
    """As http.client sends an open file, and curl what comes through a pipe."""
    expected = 200 if size <= 5_000_000 else 413
    (tmp_path / "file").write_bytes(CAT.ljust(size, b"\0"))
    chunked = {"Transfer-Encoding": "chunked"}
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    with (tmp_path / "file").open("rb") as file, closing(connection):
        # Who is refused may stop sending: by then the answer is there.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", "/predictions/resnet18", file, chunked, encode_chunked=True)
        assert connection.getresponse().status == expected
    with (tmp_path / "file").open("rb") as file:
        url = f"{service.url}/predictions/resnet18"
        command = ["curl", "-sS", "-T", "-", "-X", "POST", "-w", "%{http_code}", url]
        done = subprocess.run(command, stdin=file, capture_output=True, timeout=30, check=True)
        assert done.stdout.endswith(str(expected).encode())


@pytest.mark.parametrize("size", [6_000_000, 19_000_000])
def test_curl_reads_the_refusal_of_a_large_body(
    service: Service, tmp_path: Path, size: int
) -> None:
    (tmp_path / "large").write_bytes(bytes(size))
    url = f"{service.url}/predictions/resnet18"
    command = ["curl", "-sS", "--data-binary", f"@{tmp_path / 'large'}", url]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert json.loads(answer.stdout)["type"] == "body_too_large"


def test_exactly_the_limit_is_read(service: Service) -> None:
    assert service.predict(CAT + bytes(5_000_000 - len(CAT))).status_code == 200
    assert error(service.predict(CAT + bytes(5_000_001 - len(CAT)))) == (413, "body_too_large")


def test_long_picture(service: Service) -> None:
    """Resized as a whole to a shorter side of 256 it would have 655 million pixels."""
    file = io.BytesIO()
    Image.fromarray(np.arange(10_000, dtype=np.uint8)[:, None]).save(file, "PNG")
    started = time.monotonic()
    assert len(service.predict(file.getvalue()).json()) == 3
    assert time.monotonic() - started < 3


def test_cut_off_upload(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        head = "POST /predictions/resnet18 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        client.sendall(head.encode() + b"abc")
    assert service.predict(CAT).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/predictions/resnet18", (405, "method_not_allowed")),
        ("OPTIONS", "/predictions/resnet18", (405, "method_not_allowed")),
        ("POST", "/", (405, "method_not_allowed")),
        ("POST", "/ping", (405, "method_not_allowed")),
        ("POST", "/predictions/nothing", (404, "not_found")),
        ("POST", "/predictions/resnet18/9.9", (404, "not_found")),
        ("GET", "/nothing", (404, "not_found")),
        ("GET", "/models/resnet18", (404, "not_found")),
        ("GET", "/api-description", (404, "not_found")),
        ("GET", "/v1/models", (404, "not_found")),
    ],
)
def test_what_is_not_there(
    service: Service, method: str, path: str, expected: tuple[int, str]
) -> None:
    body = CAT if method == "POST" else None
    assert error(requests.request(method, service.url + path, data=body, timeout=60)) == expected


def test_health(service: Service) -> None:
    assert requests.get(f"{service.url}/ping", timeout=10).json() == {"status": "Healthy"}
    strange = {"X-Top-K": "junk", "Content-Type": "multipart/form-data", "Describe": "1"}
    ready = requests.get(f"{service.url}/ready", headers=strange, timeout=10)
    assert ready.json() == {"status": "Ready"}
    assert "server" not in ready.headers


def test_page_headers(service: Service) -> None:
    page = requests.get(service.url, timeout=10)
    assert page.headers["content-encoding"] in ("gzip", "zstd")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "server" not in page.headers


def test_torchserve_wants_its_token(service: Service) -> None:
    state = service.state
    for url in (f"{state.inference}/predictions/resnet18", f"{state.management}/models"):
        assert requests.post(url, CAT, timeout=10).status_code == 400
        assert re.match(r"http://127\.0\.0\.1:\d+/", url)


def burst(service: Service, count: int) -> list[requests.Response]:
    """The answers to so many predictions asked for in the same instant."""
    start = threading.Barrier(count)

    def send(_: int) -> requests.Response:
        start.wait()
        return service.predict(CAT)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(send, range(count)))


def test_a_burst_waits_for_its_turn(service: Service) -> None:
    """More at once than TorchServe's queue holds."""
    assert {answer.status_code for answer in burst(service, 315)} == {200}


@pytest.mark.long
def test_who_waits_too_long_is_refused(service: Service) -> None:
    """TorchServe stands still for longer than the gateway keeps requests waiting."""
    torchserve = service.child_pid("org.pytorch.serve.ModelServer")
    go_on = threading.Timer(35, os.kill, (torchserve, signal.SIGCONT))
    os.kill(torchserve, signal.SIGSTOP)
    go_on.start()
    started = time.monotonic()
    answers = burst(service, 315)
    assert time.monotonic() - started < 45
    go_on.join()
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) >= 10
    for answer in refused:
        assert error(answer) in ((429, "busy"), (503, "unavailable"))
        assert int(answer.headers["retry-after"]) >= 1
    assert service.predict(CAT).status_code == 200
