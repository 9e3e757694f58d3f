"""How much memory a process costs."""

import psutil


def pss(pid: int) -> int | None:
    """Bytes, with what n processes share counted as 1/n; None where it can't be read."""
    try:
        return int(psutil.Process(pid).memory_full_info().pss)
    except (psutil.Error, FileNotFoundError, AttributeError):  # it ended; not ours; not Linux
        return None
