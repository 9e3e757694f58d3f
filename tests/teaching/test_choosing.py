"""Which way of teaching is kept, and how much more pictures help."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from scripts.teaching import choosing
from scripts.teaching.examples import joined
from tests.teaching.lessons import examples


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (5, 0), (6, 0), (20, 9), (20, 6), (3, 20)])
def test_better_is_what_is_no_chance(won: int, lost: int) -> None:
    labels = np.zeros(50, np.intp)
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    one = np.array([right] * won + [wrong] * lost + [right] * (50 - won - lost))
    other = np.array([wrong] * won + [right] * (50 - won))
    p = binomtest(won, won + lost).pvalue if won + lost else 1
    assert choosing.is_better(one, other, labels) == (won > lost and p < 0.05)


def test_the_learning_curve_rises_where_more_is_known() -> None:
    one = examples({"a": 60, "b": 60, "c": 60})
    points = choosing.learning_curve(one, np.arange(len(one)))
    assert [point.pictures for point in points] == [2, 5, 10, 20, 48]
    assert points[0].accuracy < points[-1].accuracy + 0.05
    assert points[-1].accuracy > 0.9


def test_a_learning_curve_of_pictures_that_are_in_all_classes() -> None:
    one = examples({"a": 12, "b": 0})
    both = joined(one, replace(one, labels=np.ones(12, np.intp)))
    groups = np.tile(np.arange(12), 2)
    for point in choosing.learning_curve(both, groups):
        assert point.accuracy == pytest.approx(0.5)
    assert choosing.nearest_mean(both, groups) == pytest.approx(0.5)
