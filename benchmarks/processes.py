"""What a server's processes cost, from /proc."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Cost:
    """Of a process and all its descendants."""

    cpu_seconds: float
    pss: int  # bytes: memory, with what is shared by n processes counted as 1/n


def cost(pid: int) -> Cost:
    processes = tree(pid)
    return Cost(sum(cpu_seconds(process) for process in processes), sum(map(_pss, processes)))


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _pss(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss)
