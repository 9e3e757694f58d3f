"""The classes' names, one per line: name, then optionally, after tabs, Chinese name and wnid."""

import zipfile
from pathlib import Path
from typing import NamedTuple

IMAGENET = Path(__file__).with_name("imagenet_classes.tsv")


class Label(NamedTuple):
    name: str
    name_zh: str | None
    wnid: str | None


def read_labels(path: Path | zipfile.Path) -> list[Label]:
    """Labels in order of class_id. ValueError says which line is wrong and how."""
    return parse_labels(path.read_bytes(), path)


def parse_labels(data: bytes, source: Path | zipfile.Path) -> list[Label]:
    """The same of a file's content. source: what a ValueError calls it."""
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{source}: not UTF-8 ({error.reason} at byte {error.start})") from None
    labels = []
    for number, line in enumerate(lines, 1):
        columns = [column.strip() for column in line.split("\t")]
        if not columns[0] or len(columns) > 3:
            raise ValueError(
                f"{source}, line {number}: expected a name, optionally followed by a tab and a "
                f"Chinese name, then a tab and a wnid; found {line!r}"
            )
        name, name_zh, wnid = columns + [""] * (3 - len(columns))
        labels.append(Label(name, name_zh or None, wnid or None))
    return labels
