import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import SAMPLES
from tests.service import Service, started

CAT = SAMPLES / "cat.jpg"
PARTS = [
    *("network", "upload", "gateway", "queue", "batch wait"),
    *("preprocess", "inference", "postprocess", "torchserve"),
]


@pytest.fixture(scope="module")
def logging_service(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(archive, tmp_path_factory.mktemp("run"), "--access-log") as service:
        yield service


def trace(service: Service, *arguments: str) -> Any:
    done = service.command("trace", "--run-directory", str(service.run.path), "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def failure(service: Service, *arguments: str) -> str:
    done = service.command("trace", "--run-directory", str(service.run.path), *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("trace: ")
    return done.stderr


def test_one_that_is_sent_now(logging_service: Service) -> None:
    [seen] = trace(logging_service, str(CAT))
    assert list(seen["parts"]) == PARTS
    assert sum(seen["parts"].values()) == pytest.approx(seen["total"], abs=1.5)
    assert seen["parts"]["inference"] > 1
    assert seen["status"] == 200
    [again] = trace(logging_service, "--id", seen["request_id"])
    assert list(again["parts"]) == PARTS[1:]
    assert again["decode"] == seen["decode"]


def test_without_a_log_the_gateway_is_a_part_of_the_network(service: Service) -> None:
    [seen] = trace(service, str(CAT))
    assert list(seen["parts"]) == ["network, upload", *PARTS[2:]]
    assert "ACCESS_LOG=1" in failure(service, "--id", "never")


def test_the_slowest_come_first(logging_service: Service) -> None:
    for name in ("cat", "coffee", "flower"):
        logging_service.predict((SAMPLES / f"{name}.jpg").read_bytes())
    slowest = trace(logging_service, "--slowest", "3")
    totals = [seen["total"] for seen in slowest]
    assert len(totals) == 3
    assert totals == sorted(totals, reverse=True)


def test_one_that_was_refused(logging_service: Service, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no picture")
    [seen] = trace(logging_service, str(tmp_path / "text"))
    assert (seen["status"], seen["decode"]) == (415, None)
    (tmp_path / "large").write_bytes(bytes(6_000_000))
    [seen] = trace(logging_service, str(tmp_path / "large"))
    assert seen["status"] == 413
    assert list(seen["parts"]) == ["network", "upload", "gateway"]


def test_what_can_t_be_shown(logging_service: Service, other: Service) -> None:
    assert "no request never" in failure(logging_service, "--id", "never")
    assert "No such file" in failure(logging_service, "nothing.jpg")
    assert "make start" in failure(other)


def test_for_people(logging_service: Service) -> None:
    directory = ("--run-directory", str(logging_service.run.path))
    done = logging_service.command("trace", *directory, str(CAT))
    lines = done.stdout.splitlines()
    assert [line.strip().startswith(part) for line, part in zip(lines[1:], PARTS, strict=True)]
    assert "█" in done.stdout
