"""Answers as people and programs want them: a table, lines of JSON, CSV.

JSON and CSV are UTF-8 whatever the locale; a table has what the terminal can't show as escapes.
"""

import csv
import errno
import io
import json
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tqdm import tqdm

from client.classifier import Item
from client.errors import ServiceError
from client.models import Model

Result = tuple[str, list[Item] | ServiceError]  # the file, and what became of it

COLUMNS = ("class", "class_zh", "class_id", "wnid", "confidence")
LAST = ("model", "none_of_these")
# A spreadsheet takes text that begins like this for a formula and would run it.
FORMULA = re.compile(r"[=+\-@\t\r].", re.DOTALL)

# tqdm's own lock would be one between processes too: Python 3.14 starts a process that watches over
# it, and complains where ours ends at once.
tqdm.set_lock(threading.RLock())

NONE_OF_THESE = 0.95  # as the page has it: docs/own_model.md
NAMED = 3  # of a model's classes, in a list of models

JOINERS = "\u200c\u200d"


class Unwritable(Exception):
    """Standard output takes no more: it is full, or whoever read it left."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror)
        self.has_left = isinstance(cause, BrokenPipeError)


class Writer(Protocol):
    def header(self) -> str: ...

    def text(self, result: Result) -> str: ...


class Table:
    def header(self) -> str:
        return ""

    def text(self, result: Result) -> str:
        path, outcome = result
        return "".join(f"{line}\n" for line in [visible(path), *_lines(outcome)])


class JsonLines:
    def header(self) -> str:
        return ""

    def text(self, result: Result) -> str:
        path, outcome = result
        line: dict[str, object] = {"file": path}
        if isinstance(outcome, ServiceError):
            line["error"] = {"type": outcome.type, "message": str(outcome)}
        else:
            line["items"] = outcome
        return _escaped(json.dumps(line, ensure_ascii=False), _json_escape) + "\n"


class Csv:
    """A row for each picture, as the page saves it (web_client/js/export.js)."""

    def __init__(self, top_k: int, model: str) -> None:
        self._top_k = top_k
        self._model = model

    def header(self) -> str:
        others = [f"{name}_{rank}" for rank in range(2, self._top_k + 1) for name in COLUMNS]
        # With a byte order mark Excel reads it as UTF-8.
        return "\ufeff" + _row(["file", *COLUMNS, *others, "error", *LAST])

    def text(self, result: Result) -> str:
        path, outcome = result
        items, error = ([], str(outcome)) if isinstance(outcome, ServiceError) else (outcome, "")
        cells: list[object] = []
        for item in items[: self._top_k]:
            fields = dict(item) | {"confidence": f"{item['confidence']:.6f}"}
            cells += [fields[name] for name in COLUMNS]
        empty = [""] * (self._top_k * len(COLUMNS) - len(cells))  # the model may have few classes
        judged = items[0].get("none_of_these", "") if items else ""
        return _row([path, *cells, *empty, error, self._model if items else "", judged])


# Each is told how many answers a picture has, and of which model.
WRITERS: dict[str, Callable[[int, str], Writer]] = {
    "table": lambda *_: Table(),
    "json": lambda *_: JsonLines(),
    "csv": Csv,
}


def model_lines(models: Sequence[Model], format: str) -> str:
    """A line for each model: all about it as JSON, or a row of a table."""
    if format == "json":
        lines = [json.dumps(model, ensure_ascii=False) for model in models]
        return "".join(f"{_escaped(line, _json_escape)}\n" for line in lines)
    rows = [_model_row(model) for model in models]
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    return "".join("  ".join(map(_padded, row, widths)).rstrip() + "\n" for row in rows)


def _model_row(model: Model) -> list[str]:
    """Name, version, number of classes, accuracy, and some of the classes."""
    names = [visible(one["class"]) for one in model["classes"]]
    shown = ", ".join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])
    evaluation = model["evaluation"]
    accuracy = f"accuracy {evaluation['accuracy']:.1%}" if evaluation else ""
    words = [visible(model["name"]), visible(model["version"])]
    return [*words, f"{len(names):,} classes", accuracy, shown]


def prepare(format: str) -> None:
    """Have standard output take every letter. Raises Unwritable where there is none."""
    if sys.stdout is None:
        raise Unwritable(OSError(errno.EBADF, os.strerror(errno.EBADF)))
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = sys.stdout.encoding if format == "table" else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def write(text: str) -> None:
    """At once, and above a progress bar. Raises Unwritable."""
    try:
        tqdm.write(text, end="")
        sys.stdout.flush()
    except OSError as error:
        raise Unwritable(error) from error


def complain(text: str) -> None:
    if sys.stderr is not None:
        tqdm.write(f"classify: {visible(text)}", file=sys.stderr)


def visible(text: str) -> str:
    """On one line; what could move a terminal's cursor, or is no letter, as an escape."""
    return _escaped(text, _escape)


def _lines(outcome: list[Item] | ServiceError) -> Iterator[str]:
    if isinstance(outcome, ServiceError):
        yield f"  {visible(str(outcome))}"
        return
    names = [visible(item["class"]) for item in outcome]
    width = max(map(_columns, names))
    for name, item in zip(names, outcome, strict=True):
        padded = _padded(name, width)
        chinese = visible(item["class_zh"] or "")
        yield f"  {item['confidence']:6.1%}  {padded}  {chinese}".rstrip()
    if outcome and outcome[0].get("none_of_these", 0.0) >= NONE_OF_THESE:
        yield "  probably none of the kinds that the model knows"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _row(values: list[object]) -> str:
    row = io.StringIO()
    csv.writer(row).writerow(map(_cell, values))
    return row.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = f"'{value}" if FORMULA.match(value) else value
    return "".join(c if c in "\t\r\n" else visible(c) for c in text)


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    return "".join(c if _is_harmless(c) else escape(c) for c in text)


def _is_harmless(letter: str) -> bool:
    """Ideographic spaces are not printable to Python, nor is what joins the parts of an emoji."""
    return letter.isprintable() or letter in JOINERS or unicodedata.category(letter) == "Zs"


def _escape(letter: str) -> str:
    """As Python writes it; a byte of a file name that is not UTF-8 as that byte."""
    code = ord(letter)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(letter)[1:-1]


def _json_escape(letter: str) -> str:
    return json.dumps(letter)[1:-1]
