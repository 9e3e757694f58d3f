"""What a report says, for programs: report.json, which a later version is compared with."""

import json
from pathlib import Path
from typing import TypedDict, cast

FORMAT = 1  # of the file; a reader refuses others


class ClassFigures(TypedDict):
    name: str
    pictures: int  # held out, of this class
    named: int  # ... of whatever class, for which the model said this one
    right: int
    recall: float | None  # of its pictures, the share found; None where there are none
    precision: float | None  # of those named so, the share that is; None where there are none


class Confused(TypedDict):
    label: str
    predicted: str
    pictures: int


class Bin(TypedDict):
    """Held-out pictures by how sure the model was."""

    low: float
    high: float
    pictures: int
    confidence: float  # mean
    accuracy: float


class Calibration(TypedDict):
    error: float  # expected: mean difference of confidence and accuracy over the pictures
    bins: list[Bin]  # without empty ones


class Point(TypedDict):
    """Of the learning curve."""

    pictures: float  # a class
    accuracy: float
    deviation: float


class Doubtful(TypedDict):
    file: str
    label: str
    likelier: str
    probability: float  # of the label


class Rejected(TypedDict):
    """Pictures of its own classes that look like none of them."""

    share: float
    interval: list[float]
    pictures: int


class Candidate(TypedDict):
    name: str
    accuracy: float  # cross-validated


class Judged(TypedDict):
    """A held-out picture."""

    file: str
    sha256: str
    label: str
    predicted: str
    confidence: float  # probability of what was predicted
    probability: float  # ... of the label


class Record(TypedDict):
    format: int
    name: str
    version: str
    precision: str
    classes: list[str]
    held_out: str
    pictures: int
    right: int
    accuracy: float
    interval: list[float]  # of the accuracy, 95 %: low, high
    majority: float
    majority_class: str
    nearest_mean: float | None
    per_class: list[ClassFigures]
    confusion: list[Confused]  # what happened at all, right answers too
    calibration: Calibration
    curve: list[Point]
    findings: list[str]
    doubtful: list[Doubtful]
    none_of_these: Rejected | None
    tried: list[Candidate]
    repeat: dict[str, str]
    compared: str | None
    judged: list[Judged]


class BadReport(Exception):
    """A file is no report; the argument is a sentence."""


def read(path: Path) -> Record:
    """Raises BadReport, which says what the file is instead."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadReport(f"There is no report {path}.") from None
    except (OSError, ValueError) as error:
        raise BadReport(f"{path} can't be read as a report: {error}") from None
    if not isinstance(found, dict) or not Record.__required_keys__ <= found.keys():
        raise BadReport(f"{path} is not a report.json of make teach or make evaluate.")
    if found["format"] != FORMAT:
        raise BadReport(
            f"{path} has format {found['format']!r}; this version reads {FORMAT}. "
            "Evaluate the model anew: make evaluate"
        )
    return cast(Record, found)


def by_digest(record: Record) -> dict[str, Judged]:
    """The held-out pictures by their contents, wherever the files lie now."""
    return {one["sha256"]: one for one in record["judged"]}
