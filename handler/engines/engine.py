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

        pictures: uint8 [N, crop, crop, 3], RGB.
        Returns probabilities float32 [N, classes] and the last feature maps float32 [N, C, h, w]:
        C is 512 in a ResNet-18 or -34 and 2,048 in a ResNet-50, h and w are 7 at a crop of 224.
        """
        ...
