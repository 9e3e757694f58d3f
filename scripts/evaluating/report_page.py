"""A report as a page."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from scripts.evaluating import plots, sentences
from scripts.evaluating.contact_sheet import Cell
from scripts.evaluating.html import html
from scripts.evaluating.record import ClassFigures, Confused, Record

# Classes up to which the matrix has numbers, and up to which there is one.
WITH_NUMBERS, WITH_MATRIX = 10, 50
MOST_CONFUSED = 10  # pairs
MOST_ROWS = 50  # of the table of classes


class Bar(NamedTuple):
    name: str
    share: float
    interval: Sequence[float] | None


class MatrixCell(NamedTuple):
    pictures: int
    colour: float  # 0 to 1


def render(record: Record, errors: Sequence[Cell], doubts: Sequence[Cell]) -> str:
    rows = _rows(record["per_class"])
    return html(
        "report.html",
        record=record,
        words=_sentences(record),
        bars=_bars(record),
        matrix=_matrix(record) if len(record["classes"]) <= WITH_MATRIX else None,
        with_numbers=len(record["classes"]) <= WITH_NUMBERS,
        confused=_confused(record),
        rows=rows,
        left_out=len(record["per_class"]) - len(rows),
        reliability=Markup(plots.reliability(record["calibration"]["bins"])),  # noqa: S704
        curve=Markup(plots.learning_curve(record["curve"]))  # noqa: S704
        if len(record["curve"]) > 1
        else None,
        errors=errors,
        doubts=doubts,
        with_heat=any(cell.heat_map for cell in (*errors, *doubts)),
    )


def _sentences(record: Record) -> dict[str, str | None]:
    return {
        "headline": sentences.headline(record),
        "nothing_learnt": sentences.nothing_learnt(record),
        "interval": sentences.interval(record),
        "calibration": sentences.calibration(record),
        "curve": sentences.curve(record["curve"]),
        "none_of_these": sentences.none_of_these(record["none_of_these"]),
    }


def _bars(record: Record) -> list[Bar]:
    bars = [Bar("this model", record["accuracy"], record["interval"])]
    if record["nearest_mean"] is not None:
        bars.append(Bar("nearest mean", record["nearest_mean"], None))
    return [*bars, Bar("always the same", record["majority"], None)]


def _matrix(record: Record) -> list[list[MatrixCell]]:
    counts = {(one["label"], one["predicted"]): one["pictures"] for one in record["confusion"]}

    def cell(row: ClassFigures, name: str) -> MatrixCell:
        count = counts.get((row["name"], name), 0)
        share = count / max(1, row["pictures"])
        # One error in twenty must be seen, too.
        return MatrixCell(count, round(share if name == row["name"] else share**0.5, 3))

    return [[cell(row, name) for name in record["classes"]] for row in record["per_class"]]


def _confused(record: Record) -> list[dict[str, Any]]:
    """The most frequent errors; of equals, those that are more of their class."""
    of = {one["name"]: one["pictures"] for one in record["per_class"]}

    def weight(one: Confused) -> tuple[float, float]:
        return -one["pictures"], of[one["label"]]

    wrong = [one for one in record["confusion"] if one["label"] != one["predicted"]]
    most = sorted(wrong, key=weight)[:MOST_CONFUSED]
    return [{**one, "of": of[one["label"]]} for one in most]


def _rows(classes: Sequence[ClassFigures]) -> Sequence[ClassFigures]:
    """All, in their order, or those of which the smallest share was found."""
    if len(classes) <= MOST_ROWS:
        return classes
    tested = [one for one in classes if one["pictures"]]
    return sorted(tested, key=lambda one: one["recall"] or 0)[:MOST_ROWS]
