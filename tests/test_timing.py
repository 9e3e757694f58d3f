import re
import time

import pytest

from handler.timing import Timing
from tests.conftest import SAMPLES, Service

CAT = (SAMPLES / "cat.jpg").read_bytes()


def shares(header: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", header)}


def test_shares_add_up(service: Service) -> None:
    for _ in range(5):
        started = time.perf_counter()
        response = service.predict(CAT)
        total = (time.perf_counter() - started) * 1e3
        parts = shares(response.headers["server-timing"])
        assert list(parts) == ["queue", "preprocess", "inference"]
        assert all(value >= 0 for value in parts.values())
        assert parts["inference"] > 1
        # The gateway's clock has whole milliseconds.
        assert sum(parts.values()) <= total + 1


def test_errors_have_it_too(service: Service) -> None:
    response = service.predict(b"no picture")
    assert response.status_code == 415
    assert "queue" in shares(response.headers["server-timing"])


def test_a_clients_own_arrival_is_not_believed(service: Service) -> None:
    response = service.predict(CAT, headers={"X-Request-Start": "1000"})
    assert shares(response.headers["server-timing"])["queue"] < 10_000


@pytest.mark.parametrize("arrival", ["", "abc", "-5", "1e3", "٣", "9" * 400, "1\r\nx: y"])
def test_strange_arrivals(arrival: str) -> None:
    timing = Timing()
    with timing.share("inference"):
        pass
    assert re.fullmatch(r"inference;dur=\d+\.\d", timing.header(arrival))


def test_an_arrival_of_a_faster_clock() -> None:
    later = str(int(time.time() * 1e3) + 5000)
    assert shares(Timing().header(later)) == {"queue": 0}
