from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.dummy import DummyClassifier

from scripts.evaluating import figures
from scripts.evaluating.results import Results


def answers(count: int, classes: int, seed: int = 0) -> Results:
    """Somewhat right, with a class that nobody names and one that has no pictures."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes - 1, count)
    logits = random.normal(size=(count, classes)) * 2
    logits[np.arange(count), labels] += 2
    logits[:, 0] -= 100
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Results(
        tuple(f"class {one}" for one in range(classes)),
        tuple(Path(f"{one}.jpg") for one in range(count)),
        tuple(f"{one:064x}" for one in range(count)),
        labels,
        probabilities.astype(np.float32),
    )


@pytest.mark.parametrize(("count", "classes"), [(1, 2), (40, 3), (1000, 30)])
def test_scikit_learn_finds_the_same(count: int, classes: int) -> None:
    results = answers(count, classes)
    labels, predictions = results.labels, results.predictions
    everyone = range(classes)
    matrix = metrics.confusion_matrix(labels, predictions, labels=everyone)
    assert figures.confusion(results).tolist() == matrix.tolist()
    found = metrics.precision_recall_fscore_support(
        labels, predictions, labels=everyone, zero_division=np.nan
    )
    table = figures.per_class(results)
    for name, expected in zip(("precision", "recall"), found, strict=False):
        ours = [np.nan if one[name] is None else one[name] for one in table]
        np.testing.assert_allclose(ours, expected)
    assert [one["pictures"] for one in table] == found[3].tolist()
    dummy = DummyClassifier().fit(np.zeros((count, 1)), labels)
    name, share = figures.majority(results)
    assert share == dummy.score(np.zeros((count, 1)), labels)
    assert name == results.classes[int(dummy.predict([[0]])[0])]


def test_the_calibration_error_is_scikit_learns_curve_weighted() -> None:
    results = answers(3000, 4)
    confidence = results.probabilities.max(1)
    accuracy, mean = calibration_curve(results.is_right, confidence, n_bins=figures.BINS)
    counts = np.histogram(confidence, figures.BINS, (0, 1))[0]
    found = figures.calibration(results)
    assert [one["pictures"] for one in found["bins"]] == counts[counts > 0].tolist()
    np.testing.assert_allclose([one["accuracy"] for one in found["bins"]], accuracy)
    np.testing.assert_allclose([one["confidence"] for one in found["bins"]], mean, rtol=1e-5)
    expected = np.average(np.abs(accuracy - mean), weights=counts[counts > 0])
    assert found["error"] == pytest.approx(expected, abs=1e-6)
    assert found["bins"][-1]["high"] == 1


@pytest.mark.parametrize(
    ("right", "count"), [(0, 1), (1, 1), (0, 5), (3, 5), (147, 153), (153, 153), (9999, 10_000)]
)
def test_the_interval_is_wilsons(right: int, count: int) -> None:
    found = binomtest(right, count).proportion_ci(0.95, "wilson")
    assert figures.interval(right, count) == pytest.approx((found.low, found.high), abs=1e-12)


def test_of_no_pictures_nothing_is_known() -> None:
    assert figures.interval(0, 0) == (0, 1)


@pytest.mark.parametrize(
    ("lost", "won"), [(0, 0), (1, 0), (0, 6), (3, 3), (10, 2), (2, 10), (40, 60), (5000, 5200)]
)
def test_mcnemar_is_the_binomial_test_of_what_differs(lost: int, won: int) -> None:
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1
    assert figures.mcnemar(lost, won) == pytest.approx(expected, rel=1e-9)
