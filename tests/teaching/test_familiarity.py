"""How the score for "none of these" comes about."""

import numpy as np
from scipy.spatial.distance import cdist

from handler.taught import of_length_one
from scripts.teaching.classifier import gaussians
from scripts.teaching.familiarity import FEWEST, THRESHOLD, familiar
from tests.teaching.lessons import examples


def test_distances_are_from_the_taught_classes() -> None:
    one = examples({"a": 40, "b": 40})
    found = familiar(one.features, one.labels, np.arange(80))
    assert found
    scaled = of_length_one(one.features)
    _, means, covariance = gaussians(scaled, one.labels)
    expected = cdist(scaled, means, "mahalanobis", VI=np.linalg.inv(covariance)).min(1)
    np.testing.assert_allclose(found.distance(scaled), expected, rtol=1e-2)
    # Held out, a picture is farther from the others than from those that it is one of.
    assert found.distances.mean() > expected.mean()
    assert (np.diff(found.distances) >= 0).all()


def test_own_pictures_and_foreign_ones() -> None:
    one, other = examples({"a": 200, "b": 200}), examples({"a": 400}, seed=5)
    taught = np.arange(400) % 2 == 0
    found = familiar(one.features[taught], one.labels[taught], np.arange(200))
    assert found
    wrongly = (found.none_of_these(one.features[~taught]) >= THRESHOLD).mean()
    assert wrongly <= 0.12
    assert (found.none_of_these(other.features) >= THRESHOLD).mean() > 0.9


def test_too_few_pictures_for_a_share() -> None:
    one = examples({"a": FEWEST - 2, "b": 1})
    assert familiar(one.features, one.labels, np.arange(len(one))) is None
