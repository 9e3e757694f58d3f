"""Threads that share a batch: for decoding, and for a network that takes one picture at a time."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import count
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Team:
    """A fixed number of threads. Where there is one for each core, each is pinned to its own.

    Left to the scheduler, two threads that hand Python's lock to each other stay on the core where
    they woke, and the other core idles for most of a batch. Fewer threads than cores share these
    with other processes', and choose theirs freely.
    """

    def __init__(
        self, threads: int, name: str, initializer: Callable[[], None] = lambda: None
    ) -> None:
        """name: of the threads; initializer: called in each."""
        cores = sorted(os.sched_getaffinity(0))
        numbers = count()

        def begin() -> None:
            if threads == len(cores):
                with suppress(OSError):  # that core has just been taken away
                    os.sched_setaffinity(0, {cores[next(numbers)]})
            initializer()

        self._size = threads
        self._pool = ThreadPoolExecutor(threads, name, initializer=begin)

    def shutdown(self) -> None:
        self._pool.shutdown()

    def map(
        self,
        work: Callable[[Item], Result],
        items: Sequence[Item],
        cost: Callable[[Item], float] | None = None,
    ) -> list[Result]:
        """The result for each item, in their order; an exception of any is raised.

        Whoever is free takes the next, and by `cost` the longest first: so all end at nearly the
        same time, whatever else the cores have to do.
        """
        order = range(len(items))
        rest = iter(sorted(order, key=lambda i: -cost(items[i])) if cost else order)
        results: dict[int, Result] = {}

        def take() -> None:
            for i in rest:
                results[i] = work(items[i])

        # One piece of work a thread, not an item: each that ends wakes the thread that waits.
        members = [self._pool.submit(take) for _ in range(min(self._size, len(items)))]
        wait(members)
        for member in members:
            member.result()
        return [results[i] for i in order]
