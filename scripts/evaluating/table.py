"""A CSV or TSV with a file and a label in each line."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.evaluating.class_names import class_name, natural, told_of
from scripts.evaluating.file_names import FileNames
from scripts.evaluating.files import contents, why_not
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.pictures import Labelled, NotLabelled, Picture, Skipped

LARGEST_TABLE = 200_000_000  # bytes
SEPARATORS = "\t;,"
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # by how a file begins; else UTF-8
# What columns are called; labels, in the order in which they are taken.
FILES = {
    *("file", "path", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    *("img", "picture", "image_id", "id", "name"),
}
LABELS = [
    *("label", "class", "class_name", "category", "species", "breed", "tag", "tags", "labels"),
    *("wnid", "class_id", "label_id", "target", "y"),
]
LOOKED_AT = 200  # rows, to see which column has the files


class Row(NamedTuple):
    line: int
    cells: list[str]


class Columns(NamedTuple):
    file: int
    label: int
    header: list[str]  # empty where there is none


def read_table(table: Path) -> Labelled:
    """Raises NotLabelled where it has no files or no labels, or several labels in a cell."""
    rows = _rows(table)
    names = FileNames(table.parent)
    columns = _columns(table, rows, names)
    found, skipped = _found(table, rows[1:] if columns.header else rows, columns, names)
    _refuse_several(table, {picture.label for picture in found})
    labels = {label: class_name(label, str(table)) for label in {one.label for one in found}}
    classes = sorted(set(labels.values()), key=natural)
    pictures = sorted(
        dict.fromkeys(Picture(one.path, labels[one.label]) for one in found),
        key=lambda one: (natural(one.label), natural(one.path.as_posix())),
    )
    labelled = Labelled(classes, pictures, skipped)
    if columns.header:
        labelled.column = columns.header[columns.label]
        labelled.notes.append(
            f"{table.name}: files are in the column {columns.header[columns.file]}, labels in "
            f"{labelled.column}."
        )
    if len(pictures) < len(found):
        labelled.notes.append(f"{counted(len(found) - len(pictures), 'row')} repeated.")
    _tell_of_files_without_row(table, labelled)
    labelled.notes += told_of(labelled.counts)
    return labelled


def _rows(table: Path) -> list[Row]:
    """Those that are not empty. Raises NotLabelled."""
    if table.stat().st_size > LARGEST_TABLE:
        raise NotLabelled(f"{table} has over {LARGEST_TABLE / 1e6:.0f} MB: it is no table of files")
    data = table.read_bytes()
    try:
        text = data.decode(ENCODINGS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotLabelled(f"{table}, line {line}, is not UTF-8. Save it as 'CSV UTF-8'") from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        rows = [
            Row(reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise NotLabelled(f"{table}, line {reader.line_num}, can't be read: {error}") from error
    if not rows or separator not in first:
        raise NotLabelled(
            f"{table} is not a table: a file and its label are needed in each line, with a comma, "
            "semicolon or tab between them"
        )
    return rows


def _columns(table: Path, rows: Sequence[Row], names: FileNames) -> Columns:
    """Raises NotLabelled where it can't be told which is which."""
    first = rows[0].cells
    known = [cell.casefold() for cell in first]
    is_header = not any(map(names.looks_like_one, first)) and (
        bool({*FILES, *LABELS}.intersection(known)) or not any(map(names.find, first))
    )
    header = first if is_header else []
    body = rows[1 : LOOKED_AT + 1] if is_header else rows[:LOOKED_AT]
    hits = [
        sum(i < len(row.cells) and bool(names.find(row.cells[i])) for row in body)
        for i in range(len(first))
    ]
    is_named = [bool(header) and known[i] in FILES for i in range(len(first))]
    file = max(range(len(first)), key=lambda i: (hits[i], is_named[i]))
    if not max(hits):
        raise NotLabelled(
            f"{table} names no file that is there. Paths are looked for from {table.parent}, as in "
            f"{_example(body, first)!r}"
        )
    others = [i for i in range(len(first)) if i != file]
    if len(others) == 1:
        return Columns(file, others[0], header)
    for name in LABELS:
        for i in others:
            if header and known[i] == name:
                return Columns(file, i, header)
    what = listed(first) if header else "no names"
    raise NotLabelled(
        f"{table} has {len(first)} columns ({what}). Name the one with the labels 'label', in the "
        "first line"
    )


def _example(body: Sequence[Row], first: list[str]) -> str:
    return body[0].cells[0] if body else first[0]


def _found(
    table: Path, rows: Sequence[Row], columns: Columns, names: FileNames
) -> tuple[list[Picture], list[Skipped]]:
    """A picture for each row, with its label as it stands there; rows that have none."""
    pictures, skipped = list[Picture](), list[Skipped]()
    for line, cells in rows:
        cells += [""] * (max(columns.file, columns.label) + 1 - len(cells))
        cell, label = cells[columns.file], cells[columns.label]
        paths = names.find(cell)
        reason: str | None
        if not paths:
            reason = "is not there"
        elif len(paths) > 1:
            some = listed((path.relative_to(table.parent) for path in paths), 3)
            reason = f"may be any of {some}"
        elif not label:
            reason = "has no label"
        else:
            reason = why_not(paths[0])
        if reason:
            path = paths[0] if len(paths) == 1 else table.parent / cell
            skipped.append(Skipped(path, f"{reason} (line {line} of {table.name})"))
        else:
            pictures.append(Picture(paths[0], label))
    return pictures, skipped


def _refuse_several(table: Path, labels: set[str]) -> None:
    """Raises NotLabelled where a cell has several labels, rather than a name with a comma in it."""
    for label in sorted(labels):
        for separator in "|;,":
            parts = [part.strip() for part in label.split(separator)]
            if len(parts) > 1 and (separator != "," or labels.intersection(parts)):
                raise NotLabelled(
                    f"{table} has several labels in a cell ({label[:80]!r}). A picture is of one "
                    "class here: keep one label in each row"
                )


def _tell_of_files_without_row(table: Path, labelled: Labelled) -> None:
    """Pictures that lie beside those that have one, and pictures with more than one label."""
    named = defaultdict[Path, int](int)
    for picture in labelled.pictures:
        named[picture.path] += 1
    told = {one.path for one in labelled.skipped}
    for folder in sorted({path.parent for path in named}):
        for path in contents(folder).pictures:
            if path not in named and path not in told:
                labelled.skipped.append(Skipped(path, f"has no row in {table.name}"))
    if several := [path.name for path, count in named.items() if count > 1]:
        labelled.notes.append(f"In two classes at once, by two rows: {listed(several)}.")
    if missing := len(labelled.skipped) - len(told):
        labelled.notes.append(f"Beside the others, without a row: {counted(missing, 'picture')}.")
