"""How much memory and time a process costs."""

import psutil


def pss(pid: int) -> int | None:
    """Bytes, with what n processes share counted as 1/n; None where it can't be read."""
    try:
        return int(psutil.Process(pid).memory_full_info().pss)
    except (psutil.Error, FileNotFoundError, AttributeError):  # it ended; not ours; not Linux
        return None


def cpu_seconds(pid: int) -> float:
    """Of all its threads since it began; 0 where it ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
