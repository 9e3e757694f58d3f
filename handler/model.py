"""What an archive holds, ready to answer: for a worker, and for whoever judges the model."""

from pathlib import Path

import numpy as np

from handler import engines
from handler.engines.engine import Floats
from handler.explanation import CLASSIFIER
from handler.labels import read_labels
from handler.model_card import read_model_card
from handler.preprocessing import Preprocessor
from handler.preset import Preset


class Model:
    def __init__(self, directory: Path, threads: int) -> None:
        """directory: of an unpacked archive.

        The first inference allocates what later ones reuse: it is done here, not while a client
        waits. Raises ValueError where it does not give a probability for each label.
        """
        self.card = read_model_card(directory)
        self.labels = read_labels(directory / "labels.tsv")
        # Mapped: an explanation reads only its classes' rows of 2 MB.
        self.classifier: Floats = np.load(directory / CLASSIFIER, mmap_mode="r")
        # At fp32 the answers are PyTorch's, close calls included; int8 itself differs by more.
        preset = Preset.of(self.card["preprocessing"])
        self.preprocess = Preprocessor(self.card["precision"] == "fp32", preset)
        self.engine = engines.load(self.card["engine"], directory, threads, preset)
        blank = np.zeros((1, preset.crop, preset.crop, 3), np.uint8)
        probabilities, _ = self.engine.infer(blank)
        if probabilities.shape != (1, len(self.labels)):
            raise ValueError(
                f"{self.card['engine']} gives {probabilities.size} probabilities on this processor "
                f"for {len(self.labels)} labels"
            )
