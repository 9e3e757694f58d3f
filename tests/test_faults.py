"""What is killed behind the gateway costs plain clients nothing but time."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.conftest import Load, Service, wait_until


@pytest.fixture
def load(service: Service, samples: list[bytes]) -> Iterator[Load]:
    with Load(service, samples) as load:
        load.go_on(20)
        yield load
        load.go_on(50)
    print(f"{len(load.answers)} requests sent, {len(load.lost())} lost")
    assert load.lost() == []


def test_killed_worker(service: Service, load: Load) -> None:
    (pid,) = service.worker_pids()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.worker_pids() not in ([], [pid]), 20, "a new worker is ready")


def test_killed_torchserve(service: Service, load: Load) -> None:
    pid = service.child_pid("ModelServer")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.child_pid("ModelServer") not in (0, pid), 20, "it is started again")


def test_scaling(service: Service, load: Load) -> None:
    for workers in (2, 1):
        assert service.manage("scale", str(workers)).returncode == 0
        load.go_on(20)
        assert len(service.worker_pids()) == workers


def test_scale_outlives_torchserve(service: Service, load: Load) -> None:
    assert service.manage("scale", "2").returncode == 0
    try:
        pid = service.child_pid("ModelServer")
        os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: service.child_pid("ModelServer") not in (0, pid), 20, "it is started again"
        )
        load.go_on(20)
        wait_until(lambda: len(service.worker_pids()) == 2, 20, "both workers are back")
    finally:
        assert service.manage("scale", "1").returncode == 0
