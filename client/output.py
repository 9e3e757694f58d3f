"""Answers as people and programs want them: a table, lines of JSON, CSV."""

import csv
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable

from tqdm import tqdm

from client.classifier import Item
from client.errors import ServiceError

Result = tuple[str, list[Item] | ServiceError]  # the file, and what became of it

COLUMNS = ("class", "class_zh", "class_id", "wnid", "confidence")


def write_table(results: Iterable[Result]) -> int:
    """Returns how many pictures failed, as the others do."""
    failed = 0
    for path, outcome in results:
        # tqdm.write keeps a progress bar below what is printed.
        tqdm.write(path)
        if isinstance(outcome, ServiceError):
            failed += 1
            tqdm.write(f"  {outcome}")
            continue
        width = max(_columns(item["class"]) for item in outcome)
        for item in outcome:
            name = item["class"] + " " * (width - _columns(item["class"]))
            tqdm.write(f"  {item['confidence']:6.1%}  {name}  {item['class_zh'] or ''}".rstrip())
    return failed


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def write_json(results: Iterable[Result]) -> int:
    failed = 0
    for path, outcome in results:
        line: dict[str, object] = {"file": path}
        if isinstance(outcome, ServiceError):
            failed += 1
            line["error"] = {"type": outcome.type, "message": str(outcome)}
        else:
            line["items"] = outcome
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return failed


def write_csv(results: Iterable[Result]) -> int:
    failed = 0
    writer = csv.writer(sys.stdout)
    writer.writerow(["file", "rank", *COLUMNS, "error"])
    for path, outcome in results:
        if isinstance(outcome, ServiceError):
            failed += 1
            writer.writerow([path, "", *[""] * len(COLUMNS), str(outcome)])
            continue
        for rank, item in enumerate(outcome, 1):
            fields: dict[str, object] = dict(item)
            writer.writerow([path, rank, *(fields[name] for name in COLUMNS), ""])
    return failed


WRITERS: dict[str, Callable[[Iterable[Result]], int]] = {
    "table": write_table,
    "json": write_json,
    "csv": write_csv,
}
