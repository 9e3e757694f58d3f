"""How many requests the gateway sends on at once, and how many more it lets wait.

Envoy keeps the queues (one for each model, one for the door of large bodies); this decides how long
they may be: as long as their last one is answered within the promised time, by the rate at which
requests were answered while others waited. Before that is known the bounds are guesses. And it
decides how many large bodies are read at once: as many as there is memory for.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scripts.serving.admin import Admin
from scripts.serving.bounds import (
    BODY,
    LARGE_AT_MOST,
    LARGE_AT_ONCE,
    LARGE_MEMORY,
    LARGE_WAITING,
    LARGE_WAITING_AT_LEAST,
    QUEUE_PLACES,
    SPARE_PLACES,
    WAIT,
    WAITING,
    WAITING_AT_LEAST,
)

REMEMBERED = 30.0  # seconds over which a rate is averaged
KNOWN = 6.0  # seconds of waiting after which it is believed
STEP = 0.05  # changes by less are not worth a call

# For each cluster: who waits, who does not any more, and what came of the requests.
STATS = r"^cluster\.(torchserve-.+|large)\.upstream_rq_(pending_active|active|2xx|4xx)$"
LARGE = "large"


@dataclass
class Queue:
    """Of one cluster."""

    cluster: str
    waiting: int  # places
    at_least: int
    _answers: float = 0.0  # while somebody waited; those of long ago count less
    _seconds: float = 0.0  # ... in so much time
    _seen: tuple[float, int, int] | None = None  # when, answered until then, waiting then

    def look(self, now: float, stats: dict[str, int]) -> None:
        """now: time.monotonic()."""
        name = f"cluster.{self.cluster}.upstream_rq_"
        answered = stats.get(f"{name}2xx", 0) + stats.get(f"{name}4xx", 0)
        waiting = stats.get(f"{name}pending_active", 0)
        if self._seen:
            before, answered_before, waiting_before = self._seen
            seconds, answers = now - before, answered - answered_before
            if waiting and waiting_before and answers > 0:
                share = math.exp(-seconds / REMEMBERED)
                self._answers = share * self._answers + answers
                self._seconds = share * self._seconds + seconds
        self._seen = now, answered, waiting
        if self._seconds > KNOWN:
            rate = self._answers / self._seconds
            self.waiting = max(self.at_least, round(WAIT * rate))


def cluster_of(model: str) -> str:
    """The name of its queue at the gateway: of its statistics, in which a dot would end a name."""
    return f"torchserve-{model.replace('.', '~')}"


def at_once(in_work: int) -> int:
    """How many requests TorchServe gets: those that are worked on, and as many as wait for them."""
    return in_work + min(in_work, QUEUE_PLACES - SPARE_PLACES)


def large_at_once(read: int, allocated: int) -> int:
    """How many large bodies to read at once, of which `read` are read now, by the gateway's bytes.

    A slow sender takes a place but hardly any memory, so that others get places beside it.
    """
    room = (LARGE_MEMORY - allocated) // BODY
    return min(max(LARGE_AT_ONCE, read + room), LARGE_AT_MOST)


class Order:
    def __init__(
        self,
        admin: Admin,
        in_work: Callable[[], Mapping[str, int]],
        nudge_large: Callable[[], None],
    ) -> None:
        """in_work: how many pictures each model's workers work on when their batches are full.
        nudge_large: sends something through the queue for large bodies: Envoy looks whether there
        is room for those who wait only when another comes or goes.
        """
        self._admin = admin
        self._in_work = in_work
        self._nudge_large = nudge_large
        self._queues = {LARGE: Queue(LARGE, LARGE_WAITING, LARGE_WAITING_AT_LEAST)}
        self._told: dict[str, int] = {}

    def keep(self, now: float) -> None:
        """Look, and tell Envoy what has changed. now: time.monotonic(). Raises Unreachable."""
        stats = self._admin.stats(STATS)
        in_work = {cluster_of(model): pictures for model, pictures in self._in_work().items()}
        for cluster in in_work.keys() - self._queues.keys():
            self._queues[cluster] = Queue(cluster, WAITING, WAITING_AT_LEAST)
        for queue in self._queues.values():
            queue.look(now, stats)
        wanted = {
            f"{one.cluster}.default.max_pending_requests": one.waiting
            for one in self._queues.values()
        }
        for cluster, pictures in in_work.items():
            wanted[f"{cluster}.default.max_connections"] = at_once(pictures)
        read = stats.get("cluster.large.upstream_rq_active", 0)
        places = large_at_once(read, self._admin.allocated())
        wanted["large.default.max_connections"] = places
        news = {
            name: value
            for name, value in wanted.items()
            if abs(value - self._told.get(name, 0)) > STEP * value
        }
        if news:
            self._admin.set_runtime({f"circuit_breakers.{name}": news[name] for name in news})
            self._told |= news
        if read < places and stats.get("cluster.large.upstream_rq_pending_active"):
            self._nudge_large()
