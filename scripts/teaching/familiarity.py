"""What the taught classes look like, so that a picture of none of them is told."""

import numpy as np
from numpy.typing import NDArray

from handler.engines.engine import Floats
from handler.model_card import NoneOfThese
from handler.taught import Familiar, of_length_one
from scripts.teaching.classifier import folds, gaussians

THRESHOLD = 0.95  # one in twenty of the model's own pictures is judged to be none of these
FEWEST = 20  # pictures: below that this share can't be told


def familiar(
    features: Floats, labels: NDArray[np.intp], groups: NDArray[np.intp]
) -> Familiar | None:
    """Of all pictures; its distances are those of each from what the others look like.

    features: [N, C]. None: there are too few pictures.
    """
    if len(labels) < FEWEST:
        return None
    scaled = of_length_one(features)
    distances = np.zeros(len(labels), np.float32)
    for chosen in folds(labels, groups):
        taught = ~chosen
        distances[chosen] = _taken_in(scaled[taught], labels[taught]).distance(scaled[chosen])
    return _taken_in(scaled, labels)._replace(distances=np.sort(distances))


def for_card(found: Familiar) -> NoneOfThese:
    return {"threshold": THRESHOLD, "pictures": len(found.distances)}


def _taken_in(scaled: Floats, labels: NDArray[np.intp]) -> Familiar:
    _, means, covariance = gaussians(scaled, labels)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    whitened = (means @ whitening).astype(np.float32)
    return Familiar(whitening.astype(np.float32), whitened, np.zeros(0, np.float32))
