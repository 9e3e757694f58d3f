"""What is too much: headers, bodies, and clients that come when all places are taken."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts import SAMPLES
from scripts.serving.admin import Admin
from tests.deploy.exchange import ask, exchange, parsed
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()


@pytest.mark.parametrize(
    "headers",
    [f"X-A: {'a' * 100_000}\r\n", "".join(f"X-{i}: a\r\n" for i in range(200))],
    ids=["100 kB", "200 headers"],
)
def test_headers(service: Service, headers: str) -> None:
    answer = ask(service, "POST", "/predictions/resnet18", headers, CAT)
    assert error(answer) == (431, "headers_too_large")


def test_a_line_of_20_kb(service: Service) -> None:
    answer = ask(service, "POST", f"/predictions/resnet18?top_k=1&{'&' * 20_000}", body=CAT)
    assert error(answer) == (400, "bad_request")


def test_no_http(service: Service) -> None:
    answer = exchange(service.port, b"\x16\x03\x01\0\xa5\r\n")
    assert error(parsed(answer)) == (400, "bad_request")


@pytest.mark.parametrize("head", [b" HTTP/1.0\r\nHost: localhost", b" HTTP/1.0", b""])
def test_http_of_old(service: Service, head: bytes) -> None:
    """Load balancers check like this, by default without a host. What is older is read alike."""
    answer = exchange(service.port, b"GET /ready" + head + b"\r\n\r\n")
    assert parsed(answer).json() == {"status": "Ready"}


def h2c(service: Service, *options: str) -> subprocess.CompletedProcess[bytes]:
    url = f"{service.url}/predictions/resnet18"
    command = ["curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@-", *options, url]
    return subprocess.run(command, input=bytes(400_000), capture_output=True, timeout=60)


def test_http_2_without_tls_and_a_reset_in_mid_body(service: Service) -> None:
    assert b"unsupported_format" in h2c(service).stdout
    for _ in range(5):
        assert h2c(service, "--limit-rate", "100k", "--max-time", "0.5").returncode == 28
    assert b"unsupported_format" in h2c(service).stdout
    assert service.predict(CAT).status_code == 200


def test_who_finds_no_place_is_told_at_once(other: Service) -> None:
    assert other.start().returncode == 0
    bound = "circuit_breakers.torchserve-resnet18.default.max_pending_requests"
    Admin(other.run.admin).set_runtime({bound: 10})

    def ask_for_one(_: int) -> tuple[tuple[int, str], float, str]:
        sent = time.monotonic()
        answer = other.predict(CAT)
        outcome = (200, "") if answer.ok else error(answer)
        return outcome, time.monotonic() - sent, answer.headers.get("retry-after", "")

    with ThreadPoolExecutor(120) as pool:
        answers = list(pool.map(ask_for_one, range(120)))
    refused = [answer for answer in answers if answer[0] != (200, "")]
    assert 120 - len(refused) >= 16 + 10
    assert {outcome for outcome, _, _ in refused} == {(429, "busy")}
    assert {retry_after for _, _, retry_after in refused} == {"5"}
    # Before most of those that had a place were answered.
    waited = sorted(seconds for outcome, seconds, _ in answers if outcome == (200, ""))
    assert sorted(seconds for _, seconds, _ in refused)[len(refused) // 2] < waited[-1]
