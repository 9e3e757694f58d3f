"""However easily the classes are told apart, so few pictures make nothing certain."""

import numpy as np
import pytest

from scripts.teaching import classifier


@pytest.mark.parametrize("count", [4, 20, 200])
@pytest.mark.parametrize("scale", [1, 1e6])
def test_pictures_that_are_all_right(count: int, scale: float) -> None:
    labels = np.arange(count) % 2
    logits = scale * np.random.default_rng(0).uniform(1, 2, (count, 1)) * np.eye(2)[labels]
    found = classifier.probabilities(logits / classifier.temperature(logits, labels))
    assert found.max(1).mean() == pytest.approx((count + 1) / (count + 2), abs=1e-4)


def test_nothing_is_learnt_that_makes_others_certain() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 10)
    centres = generator.normal(size=(2, 64))
    described = (centres[labels] + 0.3 * generator.normal(size=(20, 64))).astype(np.float32)
    fit = classifier.fit(described, labels, 2, 64, np.arange(20))
    assert (fit.held_out.argmax(1) == labels).all()
    others = generator.normal(size=(1000, 64))
    assert classifier.probabilities(fit.linear.logits(others)).max(1).mean() < 0.9
