"""What processes cost, and whether a pause is one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks.load import Load
from benchmarks.measure import awake, cpu_table, paused
from benchmarks.processes import Cost, cost, cpu_seconds, pause, resume, tree
from benchmarks.servers import Running

BUSY = "while True: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


@contextmanager
def started(code: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        root = psutil.Process(process.pid)
        try:
            yield process.pid
        finally:
            for one in [*root.children(recursive=True), root]:
                one.kill()


def wait_for_cpu(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + 20
    while sum(cpu_seconds(pid).values()) < seconds:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_paused_server_takes_no_cpu_until_it_goes_on() -> None:
    with started(PARENT) as pid:
        wait_for_cpu(pid, 0.3)
        pause(pid)
        before = cpu_seconds(pid)
        start = time.process_time()
        while time.process_time() - start < 0.2:  # somebody else works
            pass
        assert cpu_seconds(pid) == before
        resume(pid)
        wait_for_cpu(pid, sum(before.values()) + 0.1)


def test_a_child_works_and_the_root_of_several_supervises() -> None:
    with started(PARENT) as pid:
        wait_for_cpu(pid, 0.3)
        looked = cost(pid)
    assert looked.cpu.keys() == {"worker", "supervisor"}
    assert looked.cpu["worker"] > looked.cpu["supervisor"]
    assert looked.pss > 1e6


def test_the_cores_time_is_divided_by_the_pictures_of_the_same_time() -> None:
    load = Load(20, seconds=10.0, answers=1000, refused=0, broken=0,
                p50=1, p95=1, p99=1, max=1, wrk_cpu_seconds=0.5)  # fmt: skip
    first = Cost(seconds=2.0, cpu={"worker": 1.0}, idle=5.0, pss=0)
    last = Cost(seconds=4.0, cpu={"worker": 3.0}, idle=6.0, pss=0)
    # 200 pictures in those 2 seconds.
    assert cpu_table(load, first, last) == {"worker": 10.0, "load generator": 0.5, "idle": 5.0}


def test_a_restless_server_works_in_its_turn_alone() -> None:
    with started(PARENT) as pid:
        wait_for_cpu(pid, 0.3)
        running = Running("busy", {}, pid, 0, restless=True)
        states = []
        with paused(running):
            states.append(stopped(pid))
            with awake(running):
                states.append(stopped(pid))
            states.append(stopped(pid))
        states.append(stopped(pid))
    assert states == [True, False, True, False]


def stopped(pid: int) -> bool:
    return {one.status() for one in tree(pid)} == {psutil.STATUS_STOPPED}
