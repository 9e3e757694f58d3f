"""What a model is worth, written down: STEM.html for people, STEM.json for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scripts.evaluating import figures
from scripts.evaluating.contact_sheet import Look, Shown, sheet
from scripts.evaluating.html import put
from scripts.evaluating.record import (
    FORMAT,
    Candidate,
    Confused,
    Doubtful,
    Judged,
    Point,
    Record,
    Rejected,
)
from scripts.evaluating.report_page import render
from scripts.evaluating.results import Results

MOST_ERRORS, MOST_DOUBTS = 12, 24  # pictures on a sheet


@dataclass(frozen=True)
class CurvePoint:
    pictures: float  # a class
    accuracy: float
    deviation: float  # standard, between repetitions


class Doubt(NamedTuple):
    """A picture whose label may be wrong."""

    file: Path
    label: str
    likelier: str
    probability: float  # of the label, by a model that was not taught with the picture


@dataclass(frozen=True)
class Report:
    name: str
    version: str
    precision: str
    results: Results
    held_out: str  # how the pictures were chosen, in a few words
    majority: float  # the accuracy of always naming the most frequent class
    nearest_mean: float | None  # the accuracy of naming the class with the nearest mean
    curve: Sequence[CurvePoint] = ()
    findings: Sequence[str] = ()  # of the data check, in sentences
    doubtful: Sequence[Doubt] = ()
    rejected: tuple[float, int] | None = None  # share of own held-out pictures, and of how many
    tried: Sequence[tuple[str, float]] = ()  # what was, and its cross-validated accuracy
    repeat: Mapping[str, str] = field(default_factory=dict)  # command, seed, versions, machine …
    compared: str | None = None  # a sentence about the version before


def write(report: Report, folder: Path, stem: str = "report", look: Look | None = None) -> None:
    """The same report gives the same bytes. Whatever was there is replaced once all is written.

    look: for the contact sheets, what the network sees of a file, and the heat map of a class.
    """
    record = record_of(report)
    ids = {name: class_id for class_id, name in enumerate(report.results.classes)}
    errors = [Shown(Path(one["file"]), ids[one["predicted"]], one) for one in worst(record)]
    doubts = [
        Shown(one.file, ids[one.likelier], doubt)
        for one, doubt in zip(report.doubtful, record["doubtful"], strict=True)
    ]
    html = render(record, sheet(errors, look), sheet(doubts[:MOST_DOUBTS], look))
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / f"{stem}.html", html)
    put(folder / f"{stem}.json", text)


def worst(record: Record) -> list[Judged]:
    """The errors that the model was surest of."""
    errors = [one for one in record["judged"] if one["label"] != one["predicted"]]
    return sorted(errors, key=lambda one: -one["confidence"])[:MOST_ERRORS]


def record_of(report: Report) -> Record:
    results = report.results
    count, right = len(results.files), int(results.is_right.sum())
    return Record(
        format=FORMAT,
        name=report.name,
        version=report.version,
        precision=report.precision,
        classes=list(results.classes),
        held_out=report.held_out,
        pictures=count,
        right=right,
        accuracy=right / max(1, count),
        interval=list(figures.interval(right, count)),
        majority=report.majority,
        majority_class=figures.majority(results)[0],
        nearest_mean=report.nearest_mean,
        per_class=figures.per_class(results),
        confusion=_confusion(results),
        calibration=figures.calibration(results),
        curve=[_point(one) for one in report.curve],
        findings=list(report.findings),
        doubtful=[_doubtful(one) for one in report.doubtful],
        none_of_these=_rejected(*report.rejected) if report.rejected else None,
        tried=[Candidate(name=name, accuracy=accuracy) for name, accuracy in report.tried],
        repeat=dict(report.repeat),
        compared=report.compared,
        judged=_judged(results),
    )


def _confusion(results: Results) -> list[Confused]:
    matrix, names = figures.confusion(results), results.classes
    return [
        Confused(label=names[row], predicted=names[column], pictures=int(matrix[row, column]))
        for row, column in zip(*matrix.nonzero(), strict=True)
    ]


def _point(one: CurvePoint) -> Point:
    return Point(pictures=one.pictures, accuracy=one.accuracy, deviation=one.deviation)


def _doubtful(one: Doubt) -> Doubtful:
    return Doubtful(
        file=str(one.file), label=one.label, likelier=one.likelier, probability=one.probability
    )


def _rejected(share: float, count: int) -> Rejected:
    interval = figures.interval(round(share * count), count)
    return Rejected(share=share, interval=list(interval), pictures=count)


def _judged(results: Results) -> list[Judged]:
    return [
        Judged(
            file=str(file),
            sha256=digest,
            label=results.classes[label],
            predicted=results.classes[predicted],
            confidence=float(row[predicted]),
            probability=float(row[label]),
        )
        for file, digest, label, predicted, row in zip(
            results.files,
            results.digests,
            results.labels,
            results.predictions,
            results.probabilities,
            strict=True,
        )
    ]
