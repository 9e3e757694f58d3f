"""Where a request's time goes, as its sender reads it in the header Server-Timing."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Timing:
    """One batch's; each of its requests waits for the whole batch."""

    def __init__(self, idle_since: float) -> None:
        """idle_since: when this worker had answered its previous batch, in Unix time."""
        self._idle_since = idle_since
        self._began = time.time()
        self.stages: dict[str, float] = {}  # seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to this stage's."""
        started = time.perf_counter()
        yield
        self.stages[name] = self.stages.get(name, 0) + time.perf_counter() - started

    def waits(self, arrival: str) -> dict[str, float]:
        """Seconds from the arrival to the beginning of the batch; empty where it is not known.

        arrival: when the gateway handed the request on, in milliseconds of Unix time. Until the
        worker had answered its previous batch, the request was in the queue; from then on it waited
        for its own batch: for others to join it, and to be handed over.
        """
        if not (arrival.isascii() and arrival.isdigit() and len(arrival) < 16):
            return {}
        arrived = min(int(arrival) / 1e3, self._began)
        collected = min(max(arrived, self._idle_since), self._began)
        return {"queue": collected - arrived, "batch": self._began - collected}


def server_timing(stages: Mapping[str, float]) -> str:
    """Server-Timing (https://www.w3.org/TR/server-timing/), in milliseconds; stages in seconds."""
    return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in stages.items())
