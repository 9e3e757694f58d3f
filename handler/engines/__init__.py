"""The seam between the handler and what runs the network.

An archive's model card names its engine; adding one means a module here, a line in `load`, and an
exporter in scripts/packaging.
"""

from pathlib import Path
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


def load(name: str, directory: Path, threads: int) -> Engine:
    """The engine called `name`, ready to infer with `threads` threads."""
    # Only the named engine's library is imported: each costs a worker memory and start time.
    if name == "openvino":
        from handler.engines.openvino import OpenVino

        return OpenVino(directory, threads)
    if name == "ncnn":
        from handler.engines.ncnn import Ncnn

        return Ncnn(directory, threads)
    raise ValueError(f"This archive asks for the engine {name!r}, which this handler doesn't have")
