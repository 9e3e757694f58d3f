"""What an archive holds, ready to answer: for a worker, and for whoever judges the model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handler import engines
from handler.engines.engine import Floats
from handler.explanation import CLASSIFIER, class_activation_maps
from handler.labels import read_labels
from handler.model_card import read_model_card
from handler.preprocessing import Preprocessor
from handler.preset import Preset
from handler.resizing import Pixels
from handler.taught import Taught


class Output(NamedTuple):
    """What the model says of a picture."""

    probabilities: Floats  # float32 [classes]
    none_of_these: float | None  # 0..1, where the model can tell
    own: Floats  # float32, of the network's own classes: the same, unless others were taught
    feature_maps: Floats  # float32 [C, h, w]

    def copied(self, whole: bool) -> "Output":
        """An engine may use the memory again for the next batch.

        whole: with what an explanation needs.
        """
        nothing = np.empty(0, np.float32)
        probabilities = self.probabilities.copy()
        own, maps = (self.own.copy(), self.feature_maps.copy()) if whole else (nothing, nothing)
        return Output(probabilities, self.none_of_these, own, maps)


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
        self.taught = Taught.load(directory)
        [first] = self.infer(np.zeros((1, preset.crop, preset.crop, 3), np.uint8))
        if len(first.probabilities) != len(self.labels):
            raise ValueError(
                f"{self.card['engine']} gives {len(first.probabilities)} probabilities on this "
                f"processor for {len(self.labels)} labels"
            )

    def infer(self, pictures: Pixels) -> list[Output]:
        """pictures: uint8 [N, crop, crop, 3], as `preprocess` gives them."""
        own, feature_maps = self.engine.infer(pictures)
        if self.taught is None:
            return [Output(p, None, p, maps) for p, maps in zip(own, feature_maps, strict=True)]
        features = embeddings(feature_maps)
        probabilities = self.taught.probabilities(features, own)
        unlike = self.taught.none_of_these(features)
        return list(map(Output, probabilities, unlike, own, feature_maps))

    def activation_maps(self, class_ids: Sequence[int], output: Output) -> Floats:
        """Where the evidence for classes lies, float32 [len(class_ids), h, w] in 0..1."""
        if self.taught is None:
            rows = self.classifier[list(class_ids)]
        else:
            features = embeddings(output.feature_maps[None])[0]
            rows = self.taught.evidence(class_ids, features, output.own, self.classifier)
        return class_activation_maps(output.feature_maps, rows)


def embeddings(feature_maps: Floats) -> Floats:
    """float32 [N, C]: what the network's last layer sees of pictures."""
    means: Floats = feature_maps.mean((2, 3))
    return means
