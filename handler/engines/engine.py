"""What runs the network, as the handler sees it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from handler.resizing import Pixels

Floats = NDArray[np.float32]


class Engine(Protocol):
    """Normalisation, network and softmax; the files it needs are in the archive's root."""

    def infer(self, pictures: Pixels) -> tuple[Floats, Floats]:
        """Classify a batch.

        pictures: uint8 [N, 224, 224, 3], RGB.
        Returns probabilities float32 [N, classes] and the last feature maps float32 [N, 512, 7, 7].
        """
        ...
