"""Where a request's time goes, as its sender reads it in the header Server-Timing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timing:
    """One batch's; each of its requests waits for the whole batch."""

    def __init__(self) -> None:
        self._began = time.time()
        self._shares: dict[str, float] = {}  # seconds

    @contextmanager
    def share(self, name: str) -> Iterator[None]:
        """What runs inside is a part of that share."""
        started = time.perf_counter()
        yield
        self._shares[name] = self._shares.get(name, 0) + time.perf_counter() - started

    def header(self, arrival: str) -> str:
        """Server-Timing (https://www.w3.org/TR/server-timing/), in milliseconds.

        arrival: when the gateway handed the request on, in milliseconds of Unix time; where it is
        none, nothing is said of the queue.
        """
        shares = dict(self._shares)
        if arrival.isascii() and arrival.isdigit() and len(arrival) < 16:
            shares = {"queue": max(0.0, self._began - int(arrival) / 1e3)} | shares
        return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in shares.items())
