"""What a model is worth, as a table in the terminal."""

import unicodedata
from collections.abc import Iterator

from scripts.evaluating import figures
from scripts.evaluating.phrases import counted
from scripts.evaluating.record import ClassFigures
from scripts.evaluating.results import Results

MOST_CLASSES = 30  # rows; of more, those with the lowest recall
MOST_CONFUSED = 5
WIDEST_NAME = 40  # columns of the terminal


def summary(results: Results) -> Iterator[str]:
    """Line by line."""
    count, right = len(results.files), int(results.is_right.sum())
    low, high = figures.interval(right, count)
    name, majority = figures.majority(results)
    yield (
        f"{right:,} of {counted(count, 'picture')} right: accuracy {right / max(1, count):.3f} "
        f"(95 %: {low:.3f} to {high:.3f}); always {name}: {majority:.3f}"
    )
    yield f"Calibration error {figures.calibration(results)['error']:.3f}"
    yield ""
    yield from _table(figures.per_class(results))
    if confused := list(_confused(results)):
        yield ""
        yield from confused


def _table(classes: list[ClassFigures]) -> Iterator[str]:
    rows = [one for one in classes if one["pictures"]]
    if len(rows) > MOST_CLASSES:
        yield f"The {MOST_CLASSES} with the lowest recall, of {len(rows):,} that have pictures:"
        rows = sorted(rows, key=lambda one: one["recall"] or 0)[:MOST_CLASSES]
    width = max([len("class"), *(min(_width(one["name"]), WIDEST_NAME) for one in rows)])
    yield f"{_padded('class', width)}  pictures  recall  precision"
    for one in rows:
        name = _padded(_shortened(one["name"]), width)
        yield (
            f"{name}  {one['pictures']:8,}  {_share(one['recall']):>6}  "
            f"{_share(one['precision']):>9}"
        )


def _confused(results: Results) -> Iterator[str]:
    matrix, names = figures.confusion(results), results.classes
    cells = [
        (int(matrix[row, column]), names[row], names[column])
        for row, column in zip(*matrix.nonzero(), strict=True)
        if row != column
    ]
    for number, label, predicted in sorted(cells, key=lambda cell: -cell[0])[:MOST_CONFUSED]:
        yield f"{label} taken for {predicted}: {counted(number, 'picture')}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _width(text: str) -> int:
    """Columns of the terminal: Chinese takes two a letter."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _shortened(text: str) -> str:
    if _width(text) <= WIDEST_NAME:
        return text
    while _width(text) > WIDEST_NAME - 1:
        text = text[:-1]
    return f"{text}…"
