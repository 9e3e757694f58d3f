"""Which way of teaching is kept: the one that cross-validation shows to be better."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from handler.engines.engine import Floats
from scripts.evaluating import figures
from scripts.evaluating.report import CurvePoint
from scripts.teaching import classifier
from scripts.teaching.classifier import SEED, Fit, Linear
from scripts.teaching.examples import Examples

SIZES = (2, 5, 10, 20, 50, 100, 200, 500, 1000)  # of the learning curve: pictures a class


class Candidate(NamedTuple):
    name: str
    fit: Fit


def accuracy(logits: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    return float((logits.argmax(1) == labels).mean())


def is_better(
    one: NDArray[np.float64], other: NDArray[np.float64], labels: NDArray[np.intp]
) -> bool:
    """Whether the logits `one` are right so much more often than `other` that it is no chance."""
    first, second = one.argmax(1) == labels, other.argmax(1) == labels
    lost, won = int((second & ~first).sum()), int((first & ~second).sum())
    return won > lost and figures.mcnemar(lost, won) < figures.SIGNIFICANT


def plain(examples: Examples, groups: NDArray[np.intp]) -> Candidate:
    return Candidate("the pictures as they are", _fit(examples, groups, None))


def with_mirrored(examples: Examples, groups: NDArray[np.intp], mirrored: Examples) -> Candidate:
    return Candidate("their mirror images as well", _fit(examples, groups, mirrored.described))


def _fit(examples: Examples, groups: NDArray[np.intp], mirrored: Floats | None) -> Fit:
    channels, count = examples.features.shape[1], len(examples.classes)
    return classifier.fit(examples.described, examples.labels, count, channels, groups, mirrored)


def nearest_mean(examples: Examples, groups: NDArray[np.intp]) -> float:
    """Its accuracy on pictures that were held out."""
    right = 0
    for chosen in classifier.folds(examples.labels, groups):
        found = classifier.nearest_mean(
            examples.features[~chosen], examples.labels[~chosen], examples.features[chosen]
        )
        right += int((found == examples.labels[chosen]).sum())
    return right / len(examples)


def learning_curve(examples: Examples, groups: NDArray[np.intp]) -> list[CurvePoint]:
    """The accuracy on held-out pictures by how many of each class are taught, in five folds."""
    described, labels = examples.described, examples.labels
    channels, count = examples.features.shape[1], len(examples.classes)
    generator = np.random.default_rng(SEED)
    points = []
    largest = int(np.bincount(labels, minlength=count).max() * (1 - 1 / classifier.FOLDS))
    sizes = [size for size in SIZES if size < largest] + [largest]
    for size in tqdm(sizes, desc="draw the learning curve", unit="size", disable=None):
        found = []
        for chosen in classifier.folds(labels, groups):
            taught = _at_most(size, np.flatnonzero(~chosen), labels, generator)
            x, y = described[taught], labels[taught]
            if len(y) <= len(np.unique(y)):
                continue
            linear = _mean(
                classifier.discriminant(x, y, count, channels),
                classifier.regression(x, y, count),
                x,
            )
            found.append(accuracy(linear.logits(described[chosen]), labels[chosen]))
        if found:
            points.append(CurvePoint(size, float(np.mean(found)), float(np.std(found))))
    return points


def _mean(one: Linear, other: Linear, described: Floats) -> Linear:
    """Both on the same scale, that of the pictures taught: for temperatures there are too few."""
    scales = [float(linear.logits(described).std()) or 1.0 for linear in (one, other)]
    return one / scales[0] + other / scales[1]


def _at_most(
    size: int, places: NDArray[np.intp], labels: NDArray[np.intp], generator: np.random.Generator
) -> NDArray[np.intp]:
    """So many of each class, at random."""
    shuffled = generator.permutation(places)
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts = np.unique(labels[order], return_index=True)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    return order[rank < size]
