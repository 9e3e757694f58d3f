"""How long the gateway's queues may be."""

import pytest

from scripts.serving.bounds import BODY, LARGE_AT_MOST, LARGE_AT_ONCE, LARGE_MEMORY, WAIT
from scripts.serving.order import Queue, at_once, cluster_of, large_at_once


def stats(answered: int, waiting: int) -> dict[str, int]:
    prefix = "cluster.torchserve-a.upstream_rq_"
    return {
        f"{prefix}2xx": answered,
        f"{prefix}4xx": 0,
        f"{prefix}pending_active": waiting,
        "cluster.large.upstream_rq_2xx": 10**9,
    }


@pytest.fixture
def queue() -> Queue:
    return Queue("torchserve-a", waiting=1000, at_least=100)


def look(queue: Queue, rate: float, seconds: int, waiting: int, start: int = 0) -> None:
    for second in range(start, start + seconds + 1, 3):
        queue.look(float(second), stats(int(second * rate), waiting))


def test_nothing_is_known_while_nobody_waits(queue: Queue) -> None:
    look(queue, rate=3, seconds=60, waiting=0)
    assert queue.waiting == 1000


def test_one_look_is_not_believed(queue: Queue) -> None:
    look(queue, rate=3, seconds=6, waiting=50)
    assert queue.waiting == 1000


@pytest.mark.parametrize("rate", [10, 80, 160])
def test_as_many_as_are_answered_in_time(queue: Queue, rate: int) -> None:
    look(queue, rate, seconds=30, waiting=50)
    assert queue.waiting == pytest.approx(WAIT * rate, rel=0.02)


def test_never_fewer_than_a_short_stop_brings(queue: Queue) -> None:
    look(queue, rate=1, seconds=30, waiting=50)
    assert queue.waiting == 100


def test_a_standstill_changes_nothing(queue: Queue) -> None:
    """As while TorchServe is away: what waits is answered when it is back."""
    look(queue, rate=80, seconds=30, waiting=50)
    before = queue.waiting
    for second in range(33, 60, 3):
        queue.look(float(second), stats(80 * 30, 50))
    assert queue.waiting == before


def test_the_rate_is_forgotten_when_it_changes(queue: Queue) -> None:
    look(queue, rate=80, seconds=60, waiting=50)
    for second in range(63, 243, 3):
        queue.look(float(second), stats(80 * 60 + (second - 60) * 20, 50))
    assert queue.waiting == pytest.approx(WAIT * 20, rel=0.1)


@pytest.mark.parametrize(("in_work", "places"), [(8, 16), (16, 32), (64, 80), (1, 2)])
def test_two_batches_as_long_as_torchserves_queue_has_room(in_work: int, places: int) -> None:
    assert at_once(in_work) == places


@pytest.mark.parametrize(
    ("read", "allocated", "places"),
    [
        (0, LARGE_MEMORY - 3 * BODY, LARGE_AT_ONCE),
        (10, LARGE_MEMORY, 10),
        (10, LARGE_MEMORY - 3 * BODY, 13),
        (10, LARGE_MEMORY + 3 * BODY, 7),
        (10, 10 * LARGE_MEMORY, LARGE_AT_ONCE),
        (LARGE_AT_MOST, 0, LARGE_AT_MOST),
    ],
)
def test_as_many_large_bodies_as_there_is_memory_for(
    read: int, allocated: int, places: int
) -> None:
    assert large_at_once(read, allocated) == places


def test_each_model_has_a_queue_of_its_own_name() -> None:
    models = ["large", "a.b", "a_b", "a-b", "ab"]
    clusters = {cluster_of(model) for model in models}
    assert len(clusters - {"large"}) == len(models)
    assert "." not in "".join(clusters)
