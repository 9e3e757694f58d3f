"""A linear classifier of described pictures, and what it answers to those that it has not seen."""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_softmax
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from handler.engines.engine import Floats
from handler.taught import of_length_one

FOLDS = 5
SEED = 0
STRENGTH = 10.0  # LogisticRegression's C, for descriptions of length 1 to 1.2
LEAST = 1e-9  # variance, of features of length 1
MOST = 25.0  # of a temperature's logarithm
NEVER = -1e4  # a logit: of a class that was not among those taught
Logits = NDArray[np.float64]
Numbers = NDArray[Any]  # of whatever width


class Linear(NamedTuple):
    """Logits of K classes: descriptions @ weights.T + bias."""

    weights: Logits  # [K, D]
    bias: Logits  # [K]

    def logits(self, described: Numbers) -> Logits:
        found: Logits = described @ self.weights.T + self.bias
        return found

    def __truediv__(self, temperature: float) -> "Linear":
        return Linear(self.weights / temperature, self.bias / temperature)

    def __add__(self, other: "Linear") -> "Linear":  # type: ignore[override]
        return Linear(self.weights + other.weights, self.bias + other.bias)


class Gaussians(NamedTuple):
    """What K classes look like: a normal distribution each, of one covariance."""

    known: NDArray[np.intp]  # [K], those of the classes that have pictures
    means: Numbers  # [K, C]
    covariance: Numbers  # [C, C]


def gaussians(features: Numbers, labels: NDArray[np.intp]) -> Gaussians:
    """The covariance is the mean of the classes' own, each shrunk by itself (Ledoit, Wolf), nearly
    as scikit-learn's LinearDiscriminantAnalysis(shrinkage="auto") has it.

    All classes count as equally frequent: a rare one is not neglected. Of a single picture there is
    no covariance.
    """
    features, counts = features.astype(float), np.bincount(labels)
    known = np.flatnonzero(counts)
    means = np.stack([features[labels == one].mean(0) for one in known])
    varied = [(one, mean) for one, mean in zip(known, means, strict=True) if counts[one] > 1]
    if not varied:  # how far apart they lie is all there is to go by
        return Gaussians(known, means, (features.var(0).mean() + LEAST) * np.eye(len(means.T)))
    covariance = np.zeros((features.shape[1],) * 2)
    for one, mean in varied:
        rest = features[labels == one] - mean
        spread = rest.std(0)
        spread[spread == 0] = 1
        shrunk, _ = ledoit_wolf(rest / spread, assume_centered=True)
        # Of very few pictures it does not shrink at all.
        least = 1 / len(rest)
        shrunk = (1 - least) * shrunk + least * np.trace(shrunk) / len(shrunk) * np.eye(len(shrunk))
        covariance += spread[:, None] * shrunk * spread / len(varied)
    return Gaussians(known, means, covariance + LEAST * np.eye(len(covariance)))


def discriminant(
    described: Numbers, labels: NDArray[np.intp], classes: int, features: int
) -> Linear:
    """Linear discriminant analysis of the first `features` columns."""
    known = np.unique(labels)
    if len(known) < 2:
        return _constant(described.shape[1], known, classes)
    _, means, covariance = gaussians(described[:, :features], labels)
    weights = solve(covariance, means.T, assume_a="pos").T
    columns = np.zeros((len(known), described.shape[1]))
    columns[:, :features] = weights
    rows, biases = np.zeros((classes, described.shape[1])), np.full(classes, NEVER)
    rows[known], biases[known] = columns, -(weights * means).sum(1) / 2
    return Linear(rows, biases)


def regression(described: Numbers, labels: NDArray[np.intp], classes: int) -> Linear:
    """Logistic regression on all columns; classes count as often as they are."""
    known = np.unique(labels)
    if len(known) < 2:
        return _constant(described.shape[1], known, classes)
    fit = LogisticRegression(C=STRENGTH, max_iter=1000).fit(described, labels)
    return _of_all(fit.coef_, fit.intercept_, known, classes)


def _constant(columns: int, known: NDArray[np.intp], classes: int) -> Linear:
    """Where all pictures are of one class."""
    return _of_all(np.zeros((len(known), columns)), np.zeros(len(known)), known, classes)


def _of_all(weights: Numbers, bias: Numbers, known: NDArray[np.intp], classes: int) -> Linear:
    """From scikit-learn's form, which has one row for two classes, and none for an unseen one."""
    if len(known) == 2:
        weights = np.concatenate([-weights, weights]) / 2
        bias = np.concatenate([-bias, bias]) / 2
    rows = np.zeros((classes, weights.shape[1]))
    biases = np.full(classes, NEVER)
    rows[known], biases[known] = weights, bias
    return Linear(rows, biases)


def temperature(logits: Logits, labels: NDArray[np.intp]) -> float:
    """By which logits are divided so that their probabilities are the most likely (Guo et al.).

    Those of N pictures that were not taught; NEVER counts for nothing. Where all are right, the
    most likely would be certain: the mean confidence stays below Laplace's (N + 1) / (N + 2).
    """
    seen = logits[np.arange(len(labels)), labels] > NEVER / 2
    logits, labels = logits[seen], labels[seen]
    if not len(labels):
        return 1.0
    places = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return float(-log_softmax(logits / np.exp(logarithm), 1)[places, labels].mean())

    def excess(logarithm: float) -> float:
        confidence = np.exp(log_softmax(logits / np.exp(logarithm), 1).max(1)).mean()
        return float(confidence - (len(labels) + 1) / (len(labels) + 2))

    best = float(minimize_scalar(loss, bounds=(-5, 7), method="bounded").x)
    if excess(best) > 0 > excess(MOST):
        best = float(brentq(excess, best, MOST))
    return float(np.exp(best))


def folds(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> Iterator[NDArray[np.bool_]]:
    """Which pictures are held out, each once: stratified, and near duplicates together.

    There are at least two groups, and two pictures of a class.
    """
    count = min(FOLDS, len(np.unique(groups)), int(np.bincount(labels).max()))
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        # What is found in the pictures says so in better words.
        warnings.filterwarnings("ignore", "The least populated class in y has only", UserWarning)
        split = list(splitter.split(np.zeros(len(labels)), labels, groups))
    for _, held_out in split:
        chosen = np.zeros(len(labels), bool)
        chosen[held_out] = True
        yield chosen


class Fit(NamedTuple):
    """A classifier, and the logits [N, K] of each picture by one that was not taught with it."""

    linear: Linear
    held_out: Logits


def fit(
    described: Floats,
    labels: NDArray[np.intp],
    classes: int,
    features: int,
    groups: NDArray[np.intp],
    mirrored: Floats | None = None,
) -> Fit:
    """The mean of both classifiers' logits, each divided by its temperature; then its own.

    described: [N, D], of which the first `features` columns are features. mirrored: the same of
    the pictures' mirror images, to be taught as well.
    """
    parts: tuple[Callable[[Numbers, NDArray[np.intp]], Linear], ...] = (
        partial(discriminant, classes=classes, features=features),
        partial(regression, classes=classes),
    )
    held_out = [np.zeros((len(labels), classes)) for _ in parts]
    more: Numbers = np.zeros((0, described.shape[1])) if mirrored is None else mirrored
    for chosen in folds(labels, groups):
        x, y = _taught(described, more, labels, ~chosen)
        for part, logits in zip(parts, held_out, strict=True):
            logits[chosen] = part(x, y).logits(described[chosen])
    temperatures = [temperature(logits, labels) for logits in held_out]
    mean: Logits = np.sum([z / t for z, t in zip(held_out, temperatures, strict=True)], 0)
    last = temperature(mean, labels)
    x, y = _taught(described, more, labels, np.ones(len(labels), bool))
    whole = [part(x, y) / t for part, t in zip(parts, temperatures, strict=True)]
    return Fit((whole[0] + whole[1]) / last, mean / last)


def _taught(
    described: Numbers, mirrored: Numbers, labels: NDArray[np.intp], chosen: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.intp]]:
    if not len(mirrored):
        return described[chosen], labels[chosen]
    both = np.concatenate([described[chosen], mirrored[chosen]])
    return both, np.concatenate([labels[chosen], labels[chosen]])


def probabilities(logits: Logits) -> Floats:
    shares: Floats = np.exp(log_softmax(logits, 1)).astype(np.float32)
    return shares


def nearest_mean(
    features: Floats, labels: NDArray[np.intp], other_features: Floats
) -> NDArray[np.intp]:
    """The class whose mean is nearest, for other pictures: what needs no learning."""
    features, others = of_length_one(features), of_length_one(other_features)
    known = np.unique(labels)
    means = np.stack([features[labels == one].mean(0) for one in known])
    distances = (means**2).sum(1) - 2 * others @ means.T
    nearest: NDArray[np.intp] = known[distances.argmin(1)]
    return nearest
