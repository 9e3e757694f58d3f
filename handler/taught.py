"""Classes of somebody's own, on a network that was taught others: what tells them apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from handler.engines.engine import Floats

FILE = "taught.npz"  # in the archive's root, where its classes were taught so
# Of what the network itself sees in a picture, beside its features: tuned on ants and bees, ten
# pictures each (a third to one were nearly as good).
OWN_OPINION = 0.5
LEAST = 1e-12  # of a length, as torch.nn.functional.normalize has it


def of_length_one(features: Floats) -> Floats:
    """float32 [N, C], each row divided by its Euclidean length."""
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), LEAST)
    scaled: Floats = (features / lengths).astype(np.float32, copy=False)
    return scaled


def described(features: Floats, probabilities: Floats) -> Floats:
    """A picture as the classifier sees it: float32 [N, C + classes of the network].

    Its features (the means of the feature maps, [N, C]), of length 1, and the square roots of the
    network's own probabilities, whose Euclidean distance is Hellinger's.
    """
    own = OWN_OPINION * np.sqrt(probabilities)
    return np.concatenate([of_length_one(features), own], 1, dtype=np.float32)


class Familiar(NamedTuple):
    """What pictures of the taught classes look like: a Gaussian for each class, of one covariance.

    Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", NeurIPS 2018, on features of length 1.
    """

    whitening: Floats  # [C, C]: the covariance's inverse is whitening @ whitening.T
    means: Floats  # [K, C], whitened
    distances: Floats  # ascending: of the model's own pictures, each held out when it was measured

    def distance(self, features: Floats) -> Floats:
        """float32 [N]: Mahalanobis' from the nearest class. features: [N, C], of length 1."""
        whitened = features @ self.whitening
        squares = (whitened**2).sum(1)[:, None] + (self.means**2).sum(1)
        nearest: Floats = (squares - 2 * whitened @ self.means.T).min(1)
        return np.sqrt(np.maximum(nearest, 0))

    def none_of_these(self, features: Floats) -> NDArray[np.float64]:
        """[N] in 0..1, of features [N, C]."""
        return self.share_nearer(self.distance(of_length_one(features)))

    def share_nearer(self, distance: Floats) -> NDArray[np.float64]:
        """[N] in 0..1: the share of the model's own pictures that are nearer to their classes.

        One minus a conformal p-value (Bates et al., "Testing for Outliers with Conformal p-values",
        2023). Beyond the farthest of them, where that would be the same for all pictures, the rest
        falls off with the distance.
        """
        count = len(self.distances)
        share = np.interp(distance, self.distances, np.arange(1, count + 1) / (count + 1))
        farthest = self.distances[-1]
        scale = max(float(farthest - np.median(self.distances)), 1e-6)
        beyond = np.exp(-np.maximum(distance - farthest, 0) / scale) / (count + 1)
        return np.where(distance > farthest, 1 - beyond, share)


class Taught(NamedTuple):
    """A linear classifier of K classes, and what it takes to be familiar with."""

    weights: Floats  # [K, C + classes of the network], for what `described` gives
    bias: Floats  # [K]
    familiar: Familiar | None  # None: there were too few pictures to tell

    @classmethod
    def load(cls, directory: Path) -> Self | None:
        """None where the network's own classes are the archive's."""
        if not (directory / FILE).exists():
            return None
        with np.load(directory / FILE) as arrays:
            familiar = None
            if "distances" in arrays:
                familiar = Familiar(*(arrays[name] for name in Familiar._fields))
            return cls(arrays["weights"], arrays["bias"], familiar)

    def save(self, path: Path) -> None:
        arrays: dict[str, Any] = {"weights": self.weights, "bias": self.bias}
        arrays |= self.familiar._asdict() if self.familiar else {}
        np.savez(path, **arrays)

    def probabilities(self, features: Floats, own: Floats) -> Floats:
        """float32 [N, K], of features [N, C] and the network's own probabilities."""
        logits: Floats = described(features, own) @ self.weights.T + self.bias
        powers = np.exp(logits - logits.max(1, keepdims=True))
        probabilities: Floats = powers / powers.sum(1, keepdims=True)
        return probabilities

    def none_of_these(self, features: Floats) -> list[float | None]:
        """Of each picture: see Familiar."""
        if self.familiar is None:
            return [None] * len(features)
        return list(self.familiar.none_of_these(features).tolist())

    def evidence(
        self, class_ids: Sequence[int], features: Floats, own: Floats, classifier: Floats
    ) -> Floats:
        """The rows [len(class_ids), C] that class activation maps of a picture need.

        They are the logits' gradients by the features [C], up to a factor, with the features'
        length taken as given: directly, and through the network's own probabilities [classes],
        where classifier [classes, C] made them.
        """
        rows = self.weights[list(class_ids)]
        direct, through = np.split(rows, [len(features)], axis=1)
        # d sqrt(p_j) / d z_i = sqrt(p_j) (1 if i = j else 0 - p_i) / 2
        roots = np.sqrt(own)
        slopes = (through * roots - np.outer(through @ roots, own)) / 2
        length = max(float(np.linalg.norm(features)), LEAST)
        gradients = direct / length + OWN_OPINION * slopes @ classifier
        return gradients.astype(np.float32, copy=False)
