"""Figures of what a model answered; those of the report and of comparisons.

By numpy alone: a rollout needs them where neither scipy nor scikit-learn is.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scripts.evaluating.record import Bin, Calibration, ClassFigures
from scripts.evaluating.results import Results

SIGNIFICANT = 0.05  # McNemar's p, below which a difference is believed
BINS = 15  # of the calibration error, as in Guo et al., "On Calibration of Modern Neural Networks"


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's, 95 %, for a share of so many; of none nothing is known."""
    if count == 0:
        return 0.0, 1.0
    share, z = right / count, NormalDist().inv_cdf(0.975)
    middle = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    whole = 1 + z**2 / count
    # Where all are right, or none, roundings would leave the end a little beside 1 or 0.
    low = (middle - half) / whole if right else 0.0
    high = (middle + half) / whole if right < count else 1.0
    return low, high


def mcnemar(lost: int, won: int) -> float:
    """The exact two-sided p of McNemar's test: of two models that are equally good, how many are at
    least as far apart.

    lost: pictures that the first was right on and the second was not; won: the other way round.
    """
    count = lost + won
    tail = sum(math.comb(count, i) for i in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / (1 << count))


def confusion(results: Results) -> NDArray[np.intp]:
    """[classes, classes] pictures: the right class down, the predicted one across."""
    count = len(results.classes)
    cells = np.bincount(results.labels * count + results.predictions, minlength=count**2)
    return cells.reshape(count, count)


def per_class(results: Results) -> list[ClassFigures]:
    matrix = confusion(results)
    return [
        ClassFigures(
            name=name,
            pictures=pictures,
            named=named,
            right=right,
            recall=right / pictures if pictures else None,
            precision=right / named if named else None,
        )
        for name, pictures, named, right in zip(
            results.classes,
            matrix.sum(1).tolist(),
            matrix.sum(0).tolist(),
            matrix.diagonal().tolist(),
            strict=True,
        )
    ]


def majority(results: Results) -> tuple[str, float]:
    """The most frequent class of these pictures, and the accuracy of always naming it."""
    counts = np.bincount(results.labels, minlength=len(results.classes))
    most = int(counts.argmax())
    return results.classes[most], float(counts[most] / max(1, len(results.labels)))


def calibration(results: Results) -> Calibration:
    """By the confidence in what was predicted, in BINS of equal width."""
    confidence = results.probabilities.max(1).astype(float)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = [
        Bin(
            low=float(one / BINS),
            high=float((one + 1) / BINS),
            pictures=int((place == one).sum()),
            confidence=float(confidence[place == one].mean()),
            accuracy=float(results.is_right[place == one].mean()),
        )
        for one in np.unique(place)
    ]
    off = [one["pictures"] * abs(one["confidence"] - one["accuracy"]) for one in bins]
    return Calibration(error=sum(off) / max(1, len(confidence)), bins=bins)
