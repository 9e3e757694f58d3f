"""Classify pictures with a running service: files, folders, or - for standard input.

A service's access key is read from the environment variable ACCESS_KEY.
Exit status: 0 when every picture was classified, 1 when one was not, 2 when there was none.
"""

import argparse
import csv
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from client.classifier import Classifier, ServiceError
from handler.ranking import Item

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
IN_FLIGHT = 4  # enough to keep the service's cores busy, few enough to leave room for others

Result = tuple[str, list[Item] | ServiceError]


def main() -> int:
    options = parse_arguments()
    pictures = list(find_pictures(options.pictures))
    if not pictures:
        print("classify: no pictures there", file=sys.stderr)
        return 2

    def say_why(reason: ServiceError) -> None:
        if options.patience:
            tqdm.write(f"classify: {reason}; trying for {options.patience:g} s", file=sys.stderr)

    classifier = Classifier(
        options.url,
        patience=options.patience,
        access_key=os.environ.get("ACCESS_KEY"),
        on_wait=say_why,
    )

    def classify(path: str) -> Result:
        try:
            return path, classifier.classify(read(path), options.top_k)
        except ServiceError as error:
            return path, error

    write = {"json": write_json, "csv": write_csv, "table": write_table}[options.format]
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        results = tqdm(
            pool.map(classify, pictures),
            total=len(pictures),
            unit="picture",
            # Where one would rather see results than a bar: few pictures, or no terminal.
            disable=len(pictures) < 8 or not sys.stderr.isatty(),
        )
        failed = write(results)
    if failed:
        print(f"classify: {failed} of {len(pictures)} pictures failed", file=sys.stderr)
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file, a folder or -")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument("--top-k", type=int, help="items for each picture (default: 3)")
    parser.add_argument(
        "--patience",
        type=float,
        default=30,
        help="seconds to go on trying while no picture is answered (default: %(default)s)",
    )
    output = parser.add_mutually_exclusive_group()
    for name, help in (
        ("json", "a JSON object a line: file, and items or error"),
        ("csv", "a row an item"),
    ):
        output.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=help)
    parser.set_defaults(format="table")
    return parser.parse_args()


def find_pictures(paths: list[str]) -> Iterator[str]:
    """Files as named, and what looks like a picture in folders, by name."""
    for path in paths:
        if path != "-" and Path(path).is_dir():
            yield from (
                str(file)
                for file in sorted(Path(path).rglob("*"))
                if file.suffix.lower() in SUFFIXES and file.is_file()
            )
        else:
            yield path


def read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise ServiceError("unreadable", f"can't be read: {error.strerror}") from error


def write_table(results: Iterable[Result]) -> int:
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
    writer.writerow(
        ["file", "rank", "class", "class_zh", "class_id", "wnid", "confidence", "error"]
    )
    for path, outcome in results:
        if isinstance(outcome, ServiceError):
            failed += 1
            writer.writerow([path, "", "", "", "", "", "", str(outcome)])
            continue
        for rank, item in enumerate(outcome, 1):
            writer.writerow([path, rank, *item.values(), ""])
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The reader has seen enough (classify.py … | head). What is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
