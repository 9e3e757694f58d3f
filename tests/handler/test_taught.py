"""Taught classes on the network's features: against scikit-learn, PyTorch and scipy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import percentileofscore
from sklearn.linear_model import LogisticRegression

from handler.engines.engine import Floats
from handler.model import Model
from handler.taught import FILE, OWN_OPINION, Familiar, Taught, described, of_length_one
from tests.archives import unpacked

CHANNELS, OWN, CLASSES = 12, 7, 3
generator = np.random.default_rng(0)


def features_of(count: int) -> Floats:
    return generator.gamma(1, 2, (count, CHANNELS)).astype(np.float32)


def own_of(count: int) -> Floats:
    return generator.dirichlet(np.ones(OWN), count).astype(np.float32)


@pytest.fixture(scope="module")
def familiar() -> Familiar:
    root = generator.normal(size=(CHANNELS, CHANNELS))
    means = of_length_one(features_of(CLASSES))
    distances = np.sort(generator.gamma(20, 0.3, 99)).astype(np.float32)
    whitening = np.linalg.cholesky(np.linalg.inv(root @ root.T + np.eye(CHANNELS)))
    return Familiar(whitening.astype(np.float32), (means @ whitening).astype(np.float32), distances)


@pytest.fixture(scope="module")
def taught(familiar: Familiar) -> Taught:
    weights = generator.normal(0, 3, (CLASSES, CHANNELS + OWN)).astype(np.float32)
    return Taught(weights, generator.normal(size=CLASSES).astype(np.float32), familiar)


def test_probabilities_are_those_of_the_linear_model() -> None:
    features, own = features_of(60), own_of(60)
    x, y = described(features, own), generator.integers(0, CLASSES, 60)
    model = LogisticRegression(C=10).fit(x, y)
    taught = Taught(model.coef_.astype(np.float32), model.intercept_.astype(np.float32), None)
    found = taught.probabilities(features, own)
    np.testing.assert_allclose(found, model.predict_proba(x), atol=1e-6)
    assert taught.none_of_these(features) == [None] * 60


def test_great_logits_are_no_overflow(taught: Taught) -> None:
    steep = taught._replace(weights=taught.weights * 1e6)
    found = steep.probabilities(features_of(5), own_of(5))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_features_of_length_0_stay_so() -> None:
    assert not of_length_one(np.zeros((1, CHANNELS), np.float32)).any()


def test_evidence_is_the_logits_gradient(taught: Taught) -> None:
    """Up to a factor for each class, and without what only makes the features longer."""
    classifier = generator.normal(size=(OWN, CHANNELS)).astype(np.float32)
    bias = torch.from_numpy(generator.normal(size=OWN).astype(np.float32))
    features = torch.from_numpy(features_of(1)[0]).requires_grad_()
    own = torch.softmax(torch.from_numpy(classifier) @ features + bias, 0)
    # As class activation maps have it: the length by which features are divided is held.
    scaled = features / features.detach().norm()
    logits = torch.from_numpy(taught.weights) @ torch.cat([scaled, OWN_OPINION * own.sqrt()])
    expected = [
        torch.autograd.grad(logits[i], features, retain_graph=True)[0].numpy() for i in (2, 0)
    ]
    found = taught.evidence([2, 0], features.detach().numpy(), own.detach().numpy(), classifier)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_the_distance_is_mahalanobis(familiar: Familiar) -> None:
    scaled = of_length_one(features_of(20))
    whitening: NDArray[np.float64] = familiar.whitening.astype(float)
    inverse = whitening @ whitening.T
    means = familiar.means @ np.linalg.inv(whitening)
    expected = cdist(scaled, means, "mahalanobis", VI=inverse).min(1)
    np.testing.assert_allclose(familiar.distance(scaled), expected, rtol=1e-3)


def test_none_of_these_is_a_rank_among_the_models_own(familiar: Familiar) -> None:
    distances = np.sort(np.concatenate([np.linspace(0, 40, 500), familiar.distances]))
    scores = familiar.share_nearer(distances.astype(np.float32))
    assert (np.diff(scores) >= 0).all()
    assert scores.min() >= 0
    assert scores.max() <= 1
    inside = distances <= familiar.distances[-1]
    ranks = percentileofscore(familiar.distances, distances[inside], "weak") / 100
    np.testing.assert_allclose(scores[inside], ranks, atol=1.01 / len(familiar.distances))
    beyond = scores[~inside]
    assert beyond[0] < beyond[-1]  # it still tells the far from the farther


def test_what_is_saved_is_loaded(taught: Taught, tmp_path: Path) -> None:
    for one in (taught, taught._replace(familiar=None)):
        one.save(tmp_path / FILE)
        loaded = Taught.load(tmp_path)
        assert loaded
        features, own = features_of(4), own_of(4)
        probabilities = one.probabilities(features, own)
        np.testing.assert_array_equal(loaded.probabilities(features, own), probabilities)
        assert loaded.none_of_these(features) == one.none_of_these(features)


def test_an_archive_without_taught_classes(archive: Path, tmp_path: Path) -> None:
    """Answers as its network does."""
    model = Model(unpacked(archive, tmp_path), 1)
    assert model.taught is None
    pixels = generator.integers(0, 256, (2, 224, 224, 3), np.uint8)
    own, maps = (one.copy() for one in model.engine.infer(pixels))
    for output, probabilities, feature_maps in zip(model.infer(pixels), own, maps, strict=True):
        np.testing.assert_allclose(output.probabilities, probabilities, atol=1e-6)
        assert output.none_of_these is None
        [heat_map] = model.activation_maps([3], output)
        direct = np.maximum(np.tensordot(model.classifier[3], feature_maps, 1), 0)
        np.testing.assert_allclose(heat_map, direct / direct.max(), atol=1e-4)
