"""The model card: what an archive says of itself, and what the describe API answers with."""

import json
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

FILE = "model_card.json"  # in the archive's root

Precision = Literal["fp32", "int8"]
Interpolation = Literal["bilinear", "bicubic"]


class WeightsFile(TypedDict):
    file: str
    sha256: str


class LabelsFile(TypedDict):
    file: str
    sha256: str
    classes: int


class Preprocessing(TypedDict):
    """What becomes of a picture before the network sees it: the fields of handler/preset.py."""

    resize: int  # pixels, the shorter side
    crop: int  # pixels, from the centre
    interpolation: Interpolation  # with antialias
    mean: list[float]  # RGB, of values from 0 to 1
    std: list[float]


class Calibration(TypedDict):
    """What an int8 network was quantised with."""

    pictures: int
    origin: str
    overflow_fix: str  # NNCF's name


class Agreement(TypedDict):
    """How near the engine's answers are to PyTorch's on real pictures."""

    pictures: int
    max_probability_difference: float
    same_best_class: int  # pictures
    top1: NotRequired[int]  # pictures classified correctly, where the right classes are known
    top1_of_pytorch: NotRequired[int]


class Evaluation(TypedDict):
    """What the model is worth, on pictures that it was not taught with."""

    accuracy: float
    interval: list[float]  # of the accuracy, 95 %: low, high
    pictures: int
    held_out: str  # how these pictures were chosen, in a few words
    majority: float  # the accuracy of always naming the most frequent class
    calibration_error: float  # expected, in 15 bins


class NoneOfThese(TypedDict):
    """From which score on a picture is judged to be of none of the classes."""

    threshold: float
    pictures: int  # of its own classes, held out, that the scores are shares of


class Sample(TypedDict):
    """A picture that shows what the model knows."""

    file: str  # in the archive's folder samples
    class_id: int


class ModelCard(TypedDict):
    name: str  # of the model, with the precision
    version: str
    architecture: str
    precision: Precision
    engine: str  # as handler/engines names it
    preprocessing: Preprocessing
    weights: WeightsFile
    labels: LabelsFile
    calibration: NotRequired[Calibration]  # int8 alone
    agreement_with_pytorch_fp32: Agreement
    evaluation: NotRequired[Evaluation]
    none_of_these: NotRequired[NoneOfThese]
    samples: NotRequired[list[Sample]]
    built_with: dict[str, str]  # versions of packages


def read_model_card(directory: Path) -> ModelCard:
    """That of an unpacked archive, as the builder wrote it."""
    card: ModelCard = json.loads((directory / FILE).read_text("utf-8"))
    return card


def write_model_card(card: ModelCard, directory: Path) -> None:
    text = json.dumps(card, indent=2) + "\n"
    (directory / FILE).write_text(text, "utf-8")
