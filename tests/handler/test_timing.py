import re
import time

import pytest

from handler.timing import Timing, server_timing
from scripts import SAMPLES
from tests.service import Service

CAT = (SAMPLES / "cat.jpg").read_bytes()


def stages(header: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", header)}


def test_stages_add_up(service: Service) -> None:
    for _ in range(5):
        started = time.perf_counter()
        response = service.predict(CAT)
        total = (time.perf_counter() - started) * 1e3
        parts = stages(response.headers["server-timing"])
        assert list(parts) == [
            *("queue", "batch", "preprocess", "inference", "postprocess", "decode"),
            *("gateway", "torchserve"),
        ]
        assert all(value >= 0 for value in parts.values())
        assert parts.pop("gateway") <= total
        assert parts["inference"] > 1
        assert parts.pop("decode") <= parts["preprocess"] + 0.1
        assert parts["torchserve"] <= total
        # The gateway's clock has whole milliseconds.
        assert sum(parts.values()) - parts["torchserve"] <= parts["torchserve"] + 1


def test_errors_have_it_too(service: Service) -> None:
    response = service.predict(b"no picture")
    assert response.status_code == 415
    assert "queue" in stages(response.headers["server-timing"])


def test_a_clients_own_arrival_is_not_believed(service: Service) -> None:
    response = service.predict(CAT, headers={"X-Request-Start": "1000"})
    parts = stages(response.headers["server-timing"])
    assert parts["queue"] + parts["batch"] < 10_000


@pytest.mark.parametrize("arrival", ["", "abc", "-5", "1e3", "٣", "9" * 400, "1\r\nx: y"])
def test_strange_arrivals(arrival: str) -> None:
    assert Timing(idle_since=0).waits(arrival) == {}


def test_an_arrival_of_a_faster_clock() -> None:
    later = str(int(time.time() * 1e3) + 5000)
    assert Timing(idle_since=0).waits(later) == {"queue": 0, "batch": 0}


@pytest.mark.parametrize(
    ("idle", "queue", "batch"),
    [
        (-10, 0, 2),  # idle long before it came
        (-0.5, 1.5, 0.5),  # busy for a part of its wait
        (5, 2, 0),  # a clock that was set back
    ],
)
def test_waiting_for_the_worker_and_for_the_batch(idle: float, queue: float, batch: float) -> None:
    now = time.time()
    waits = Timing(now + idle).waits(str(round((now - 2) * 1e3)))
    assert waits == {
        "queue": pytest.approx(queue, abs=0.05),
        "batch": pytest.approx(batch, abs=0.05),
    }


def test_milliseconds() -> None:
    assert (
        server_timing({"queue": 0.00312, "inference": 1}) == "queue;dur=3.1, inference;dur=1000.0"
    )
