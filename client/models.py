"""What a service says of the models that it serves: GET /models."""

from typing import Any, TypedDict

# class is a keyword, hence the functional form.
Class = TypedDict(
    "Class",
    {"class": str, "class_zh": str | None, "class_id": int, "wnid": str | None},
)
# A picture that shows what the model knows. file: its address on the service.
Sample = TypedDict(
    "Sample",
    {"file": str, "class": str, "class_zh": str | None, "class_id": int, "wnid": str | None},
)


class Evaluation(TypedDict):
    """What the model is worth, on pictures that it was not taught with."""

    accuracy: float
    interval: list[float]  # of the accuracy, 95 %: low, high
    pictures: int
    held_out: str  # how these pictures were chosen, in a few words
    majority: float  # the accuracy of always naming the most frequent class
    calibration_error: float  # expected, in 15 bins


class NoneOfThese(TypedDict):
    """An item's none_of_these says what share of the model's own pictures look more like its
    classes than this one; from the threshold on it is judged to be of none.
    """

    threshold: float
    pictures: int  # of its own classes, held out, that the shares are of


class Model(TypedDict):
    name: str  # as in /predictions/NAME
    version: str  # that answers where none is named
    versions: list[str]  # that are loaded, this one first
    ready: bool
    precision: str | None  # None, here and below: its archive does not say
    architecture: str | None
    class_count: int
    classes: list[Class]  # in order of class_id; with /models?classes=8 no more than the first 8
    evaluation: Evaluation | None
    none_of_these: NoneOfThese | None
    samples: list[Sample]


def models_of(answer: Any) -> list[Model] | None:
    """Those that the answer lists; None where it is not the answer of such a service."""
    match answer:
        case {"models": list(models)} if all(map(_is_model, models)):
            return models
    return None


def _is_model(model: Any) -> bool:
    match model:
        case {
            "name": str(),
            "version": str(),
            "versions": list(),
            "ready": bool(),
            "classes": list(classes),
            "evaluation": None | {"accuracy": float() | int()},
        }:
            return all(isinstance(one, dict) and "class" in one for one in classes)
    return False
