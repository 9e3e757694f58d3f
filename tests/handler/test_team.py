"""Threads that share a batch."""

import os
from threading import Barrier

import pytest

from handler.team import Team

CORES = os.sched_getaffinity(0)
LIMIT = 10  # seconds


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_results_keep_the_order_of_the_items(threads: int, count: int) -> None:
    team = Team(threads, "test")
    items = [f"{i % 4}{i}" for i in range(count)]
    assert team.map(str.upper, items, cost=lambda item: int(item[0])) == items
    team.shutdown()


def test_the_longest_comes_first() -> None:
    team = Team(1, "test")
    taken: list[int] = []
    team.map(taken.append, [3, 1, 2, 5], cost=lambda item: item)
    team.map(taken.append, [3, 1, 2])
    team.shutdown()
    assert taken == [5, 3, 2, 1, 3, 1, 2]


def test_an_exception_is_raised_and_the_next_batch_is_worked_on() -> None:
    team = Team(2, "test")
    with pytest.raises(ZeroDivisionError):
        team.map(lambda item: 1 / item, [1, 0, 2])
    assert team.map(lambda item: 1 / item, [1, 2]) == [1, 0.5]
    team.shutdown()


@pytest.mark.parametrize("threads", sorted({1, len(CORES), len(CORES) + 1}))
def test_a_thread_for_each_core_stays_there(threads: int) -> None:
    """Any other number is left to the scheduler: other workers' threads may be there."""
    team, together = Team(threads, "test"), Barrier(threads)

    def cores(_: int) -> set[int]:
        together.wait(LIMIT)
        return os.sched_getaffinity(0)

    found = team.map(cores, range(threads))
    team.shutdown()
    if threads == len(CORES):
        assert sorted(found, key=min) == [{core} for core in sorted(CORES)]
    else:
        assert found == [CORES] * threads
