import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import ROOT, SAMPLES
from scripts.operating.trace import Trace, waterfall
from scripts.serving.run_directory import RunDirectory
from tests.client.foreign import answer, foreign
from tests.service import Service, started

CAT = SAMPLES / "cat.jpg"
KEY = "3f9c1d2e4b5a69788796a5b4c3d2e1f0"
EARLIER = {
    "ts": "2026-01-01T00:00:00.000Z", "request_id": "earlier", "status": 200, "milliseconds": 99999,
    "body": 1, "attempts": 1, "server_timing": None,
}  # fmt: skip
NOT_YOU = b'{"type": "unauthorized", "message": "Not you"}'
PARTS = [
    *("network", "upload", "gateway", "queue", "batch wait"),
    *("preprocess", "inference", "postprocess", "torchserve"),
]


@pytest.fixture(scope="module")
def logging_service(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With an access key, and requests of an earlier service in its log."""
    run = RunDirectory(tmp_path_factory.mktemp("run"))
    run.create()
    # One slower than all, whose name was used before; what was written when the disk was full.
    first = EARLIER | {"ts": "2025-12-31T00:00:00.000Z", "milliseconds": 1}
    lines = [json.dumps(first), json.dumps(EARLIER), json.dumps(EARLIER)[:50], '"earlier"', ""]
    (run.logs / "access.log").write_text("\n".join(lines))
    with ExitStack() as stack:
        # Only while it starts: the command has to find it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ACCESS_KEY", KEY)
            service = stack.enter_context(started(archive, run.path, "--access-log"))
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
        body = (SAMPLES / f"{name}.jpg").read_bytes()
        headers = {"Authorization": f"Bearer {KEY}"}
        assert logging_service.predict(body, headers=headers).ok
    slowest = trace(logging_service, "--slowest", "3")
    totals = [seen["total"] for seen in slowest]
    assert len(totals) == 3
    assert totals == sorted(totals, reverse=True)
    assert "earlier" not in [seen["request_id"] for seen in slowest]
    [earlier] = trace(logging_service, "--id", "earlier")
    assert earlier["total"] == EARLIER["milliseconds"]


def test_one_that_was_refused(logging_service: Service, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no picture")
    [seen] = trace(logging_service, str(tmp_path / "text"))
    assert (seen["status"], seen["decode"]) == (415, None)
    (tmp_path / "large").write_bytes(bytes(6_000_000))
    [seen] = trace(logging_service, str(tmp_path / "large"))
    assert seen["status"] == 413
    assert list(seen["parts"]) == ["network", "upload", "gateway"]


def test_what_can_t_be_shown(logging_service: Service, other: Service) -> None:
    for name in ("", "earl"):
        said = failure(logging_service, "--id", name)
        assert f"no request {name}. " in said
        assert "ACCESS_LOG=1" not in said  # it is on
    assert "No such file" in failure(logging_service, "nothing.jpg")
    assert "make start" in failure(other)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer(401, NOT_YOU, "X-Request-Id: x"), "trace: Not you\n"),
        (answer(200, b"[]"), "trace: What answers at {url} is not a classification service\n"),
    ],
)
def test_an_answer_of_nobody_s_is_no_trace(
    said: bytes, expected: str, service: Service, tmp_path: Path
) -> None:
    """Where another program has the port, for instance."""
    run = RunDirectory(tmp_path)
    with foreign(said) as server, run.locked() as has_it:
        assert has_it
        url = server.url
        run.write_state(replace(service.state, pid=os.getpid(), url=url, local_url=url))
        assert failure(Service(run, service.archive, 0), str(CAT)) == expected.format(url=url)


def test_times_that_are_nothing_are_shown() -> None:
    seen = Trace("x", "now", 401, 0, None, 0.0, {"upload": 0.0, "gateway": 0.0}, None)
    assert "0.0 ms" in waterfall(seen)


def test_a_reader_that_leaves(logging_service: Service) -> None:
    command = [sys.executable, "-m", "scripts.trace", "--slowest", "9"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*command, "--run-directory", str(logging_service.run.path)],
        cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_for_people(logging_service: Service) -> None:
    directory = ("--run-directory", str(logging_service.run.path))
    done = logging_service.command("trace", *directory, str(CAT))
    lines = done.stdout.splitlines()
    assert [line.strip().startswith(part) for line, part in zip(lines[1:], PARTS, strict=True)]
    assert "█" in done.stdout
