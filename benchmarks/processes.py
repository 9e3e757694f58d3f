"""What a server's processes cost, from /proc."""

import os
import time
from dataclasses import dataclass

import psutil

PAUSE_LIMIT = 5  # seconds
ROLES = {"java": "TorchServe", "envoy": "gateway", "tritonserver": "Triton"}


@dataclass(frozen=True)
class Cost:
    """Of a process and all its descendants, by role; and what the cores did."""

    seconds: float  # monotonic clock
    cpu: dict[str, float]  # seconds
    idle: float  # seconds, of all cores
    pss: int  # bytes: memory, with what is shared by n processes counted as 1/n


def cost(pid: int) -> Cost:
    now, cpu, idle = time.monotonic(), cpu_seconds(pid), idle_seconds()
    pss = sum(int(process.memory_full_info().pss) for process in tree(pid))
    return Cost(now, cpu, idle, pss)


def cpu_seconds(pid: int) -> dict[str, float]:
    """By role."""
    seconds: dict[str, float] = {}
    for process in tree(pid):
        times, name = process.cpu_times(), role(process, pid)
        seconds[name] = seconds.get(name, 0) + times.user + times.system
    return seconds


def pause(pid: int) -> None:
    """By SIGSTOP: a server that looks around while it is idle takes nothing from another.

    Returns when all have stopped, which each does when it next has a core. Raises TimeoutError.
    """
    processes = tree(pid)
    for process in processes:  # the root first, so that it starts no others
        process.suspend()
    deadline = time.monotonic() + PAUSE_LIMIT
    while any(process.status() != psutil.STATUS_STOPPED for process in processes):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} did not stop within {PAUSE_LIMIT} s of SIGSTOP")
        time.sleep(0.01)


def resume(pid: int) -> None:
    for process in tree(pid):
        process.resume()


def role(process: psutil.Process, root: int) -> str:
    """worker: what computes. The root of several processes is their supervisor."""
    name = ROLES.get(process.name())
    has_others = process.pid == root and process.children()
    return name or ("supervisor" if has_others else "worker")


def idle_seconds() -> float:
    cores = os.sched_getaffinity(0)
    return sum(
        float(times.idle + times.iowait)
        for core, times in enumerate(psutil.cpu_times(percpu=True))
        if core in cores
    )


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]
