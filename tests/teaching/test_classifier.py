"""The classifier and its folds: against scikit-learn, and by brute force."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import NearestCentroid

from scripts.teaching import classifier
from scripts.teaching.classifier import NEVER, STRENGTH
from tests.teaching.lessons import examples

Rows = NDArray[np.float64]


def material(*counts: int, columns: int = 8) -> tuple[Rows, NDArray[np.intp]]:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = generator.normal(size=(len(counts), columns))
    noise = generator.normal(size=(len(labels), columns)) * np.linspace(0.5, 2, columns)
    return centres[labels] + noise, labels


def relative(logits: Rows) -> Rows:
    """What softmax sees of logits."""
    shifted: Rows = logits - logits.mean(1, keepdims=True)
    return shifted


@pytest.mark.parametrize("counts", [(4000, 4000), (4000, 3000, 1000)])
def test_discriminant_analysis(counts: tuple[int, ...]) -> None:
    """Of so many pictures that the floor under the shrinkage does not show."""
    x, y = material(*counts)
    found = classifier.discriminant(np.hstack([x, x]), y, len(counts), x.shape[1])
    priors = np.full(len(counts), 1 / len(counts))
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    logits = np.log(theirs.fit(x, y).predict_proba(x))
    # scikit-learn weighs the classes' covariances by the priors: here these are equal, too.
    expected, actual = relative(logits), relative(found.logits(np.hstack([x, x])))
    np.testing.assert_allclose(actual, expected, atol=0.02 * np.abs(expected).max())
    assert not found.weights[:, x.shape[1] :].any()


@pytest.mark.parametrize("counts", [(30, 20), (30, 20, 10)])
def test_logistic_regression(counts: tuple[int, ...]) -> None:
    x, y = material(*counts)
    expected = LogisticRegression(C=STRENGTH, max_iter=1000).fit(x, y).predict_proba(x)
    found = classifier.probabilities(classifier.regression(x, y, len(counts)).logits(x))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("present", [(0, 2), (0, 1, 3), (2,)])
def test_classes_that_were_not_seen_are_never_named(present: tuple[int, ...]) -> None:
    x, y = material(*[20] * len(present))
    y = np.array(present)[y]
    for linear in (
        classifier.discriminant(x, y, 4, x.shape[1]),
        classifier.regression(x, y, 4),
    ):
        probabilities = classifier.probabilities(linear.logits(x))
        assert probabilities.shape == (len(x), 4)
        absent = sorted(set(range(4)) - set(present))
        assert probabilities[:, absent].max() == 0
        assert (probabilities.argmax(1) == y).mean() > 0.7


@pytest.mark.parametrize("counts", [(1, 1), (1, 1, 1), (1, 5), (1, 30)])
def test_classes_of_one_picture(counts: tuple[int, ...]) -> None:
    """There is no covariance of one: it is that of the others, or all directions count alike."""
    x, y = material(*counts)
    linear = classifier.discriminant(x, y, len(counts), x.shape[1])
    assert np.isfinite(linear.weights).all()
    assert np.abs(linear.weights).max() < 1e4
    assert (linear.logits(x).argmax(1) == y)[[0, -1]].all()


def test_the_temperature_is_the_best_of_all() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(300, 3))
    labels = np.array([generator.choice(3, p=row) for row in softmax(logits, 1)])
    candidates = np.exp(np.linspace(0, 4, 200))
    losses = [log_loss(labels, softmax(7 * logits / one, 1)) for one in candidates]
    found = classifier.temperature(7 * logits, labels)
    assert found == pytest.approx(candidates[np.argmin(losses)], rel=0.02)
    unseen = np.where(np.arange(3) == 1, NEVER, 7 * logits)
    assert classifier.temperature(unseen, np.ones(300, np.intp)) == 1


@pytest.mark.parametrize("counts", [(2, 2), (3, 3, 3), (2, 40), (30, 20, 10), (5, 1)])
def test_folds(counts: tuple[int, ...]) -> None:
    """Each picture is held out once, and near duplicates together."""
    labels = np.repeat(np.arange(len(counts)), counts)
    groups = np.arange(len(labels))
    groups[1] = groups[-1]  # of two classes
    times = np.zeros(len(labels), int)
    for chosen in classifier.folds(labels, groups):
        times += chosen
        assert not set(groups[chosen]) & set(groups[~chosen])
        assert 0 < chosen.sum() < len(labels)
    assert (times == 1).all()


def test_what_is_held_out_was_not_taught() -> None:
    """With labels at random nothing can be known of it, however well the rest is learnt."""
    x, y = material(60, 60, columns=100)
    y = np.random.default_rng(0).permutation(y)
    fit = classifier.fit(x.astype(np.float32), y, 2, 80, np.arange(120))
    assert (fit.linear.logits(x).argmax(1) == y).mean() > 0.85
    assert 0.35 < (fit.held_out.argmax(1) == y).mean() < 0.65
    assert classifier.probabilities(fit.held_out).max() < 0.75  # and it knows that it does not know


def test_mirror_images_are_taught_with_the_same_labels() -> None:
    x, y = material(20, 20)
    described, groups = x.astype(np.float32), np.arange(40)
    alone = classifier.fit(described, y, 2, 8, groups)
    with_itself = classifier.fit(described, y, 2, 8, groups, described)
    agree = alone.held_out.argmax(1) == with_itself.held_out.argmax(1)
    assert agree.mean() > 0.9


def test_nearest_mean() -> None:
    one, other = examples({"a": 30, "b": 20}), examples({"a": 10, "b": 10}, seed=1)
    scaled = one.features / np.linalg.norm(one.features, axis=1, keepdims=True)
    others = other.features / np.linalg.norm(other.features, axis=1, keepdims=True)
    found = classifier.nearest_mean(one.features, one.labels, other.features)
    assert (found == NearestCentroid().fit(scaled, one.labels).predict(others)).all()
