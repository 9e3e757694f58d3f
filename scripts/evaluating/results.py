"""What a model answered for labelled pictures, and what follows from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handler.engines.engine import Floats


@dataclass(frozen=True)
class Results:
    """Of N pictures that the model was not taught with."""

    classes: tuple[str, ...]  # names, in order of class_id
    files: tuple[Path, ...]
    digests: tuple[str, ...]  # sha256 of the files
    labels: NDArray[np.intp]  # [N], the right class_ids
    probabilities: Floats  # [N, classes]

    @property
    def predictions(self) -> NDArray[np.intp]:
        """[N], the class_ids of the best classes."""
        best: NDArray[np.intp] = self.probabilities.argmax(1)
        return best

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """[N]"""
        right: NDArray[np.bool_] = self.predictions == self.labels
        return right
