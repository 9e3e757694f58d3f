"""A server under load: what clients see, and what its processes and the cores do meanwhile."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import requests

from benchmarks.load import Load, drive
from benchmarks.processes import Cost, cost, pause, resume
from benchmarks.servers import Running

Run = dict[str, Any]

WARM_UP = 2  # seconds
SETTLE_LIMIT = 120  # seconds
# The part of a load in which processes are looked at: wrk starts before it, and ends after it.
FROM, UNTIL = 0.15, 0.9


@contextmanager
def paused(running: Running) -> Iterator[None]:
    """Until `awake`, where it would take CPU while it is idle; ours for 40 s at most."""
    if running.restless:
        pause(running.pid)
    try:
        yield
    finally:
        if running.restless:
            resume(running.pid)


@contextmanager
def awake(running: Running) -> Iterator[None]:
    """One that is `paused` goes on meanwhile."""
    if running.restless:
        resume(running.pid)
        wait_until_ready(running)
    try:
        yield
    finally:
        if running.restless:
            pause(running.pid)


def wait_until_ready(running: Running) -> None:
    deadline = time.monotonic() + SETTLE_LIMIT
    while running.ready and not requests.get(running.ready, timeout=SETTLE_LIMIT).ok:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{running.name} was not ready within {SETTLE_LIMIT} s")
        time.sleep(0.05)


def warm_up(running: Running, pictures: Sequence[Path]) -> None:
    """Compilers and caches of every server have seen some traffic first."""
    for door in running.doors.values():
        drive(door, 20, WARM_UP, pictures)


def measure(
    running: Running, way: str, connections: int, seconds: int, pictures: Sequence[Path]
) -> Run:
    door = running.doors[way]
    settle(running, way, pictures[0])
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        driven = pool.submit(drive, door, connections, seconds, pictures)
        looks = []
        for part in (FROM, UNTIL):
            time.sleep(max(0.0, start + part * seconds - time.monotonic()))
            looks.append(cost(running.pid))
        load = driven.result()
    settle(running, way, pictures[0])
    cpu = cpu_table(load, *looks)
    return {
        "target": running.name,
        "door": way,
        **asdict(load),
        "throughput": load.throughput,
        "cpu": cpu,
        "cpu_ms": sum(cpu[role] for role in looks[1].cpu),
        "pss": looks[1].pss,
        "start_seconds": running.seconds_to_first_answer,
    }


def cpu_table(load: Load, first: Cost, last: Cost) -> dict[str, float]:
    """Milliseconds of the cores a picture, by what they did; the sum is all that they have."""
    rate = max(1, load.answers) / load.seconds
    pictures = rate * (last.seconds - first.seconds)
    table = {role: (last.cpu[role] - first.cpu.get(role, 0)) / pictures * 1e3 for role in last.cpu}
    table["load generator"] = load.wrk_cpu_seconds / max(1, load.answers) * 1e3
    table["idle"] = (last.idle - first.idle) / pictures * 1e3
    return table


def settle(running: Running, way: str, picture: Path) -> None:
    """Wait until what the last load left in queues is done: an answer comes after it."""
    door, data = running.doors[way], picture.read_bytes()
    deadline = time.monotonic() + SETTLE_LIMIT
    while not door.post(data, SETTLE_LIMIT).ok:
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"{door.url} gave no good answer for {SETTLE_LIMIT} s after the load"
            )
        time.sleep(0.2)
