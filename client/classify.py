"""Classify pictures with a running service: files, folders, or - for standard input.

The service's access key, if any, is read from the environment variable ACCESS_KEY.
Exit status: 0 when every picture was classified, 1 if any was not, 2 if there were no pictures.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from client.classifier import MODEL, PATIENCE, Classifier
from client.errors import ServiceError
from client.output import WRITERS, Result
from client.pictures import find_pictures, read_picture

IN_FLIGHT = 4  # enough to keep the service's cores busy, few enough to leave room for others
FEW = 8  # pictures, of which one would rather see the answers than a progress bar


def main() -> int:
    options = parse_arguments()
    try:
        return run(options)
    except BrokenPipeError:
        # The reader has seen enough (classify.py … | head). What is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def run(options: argparse.Namespace) -> int:
    pictures = list(find_pictures(options.pictures))
    if not pictures:
        print("classify: no pictures found", file=sys.stderr)
        return 2

    def say_why(reason: ServiceError) -> None:
        if options.patience:
            why = str(reason).rstrip(".")
            tqdm.write(f"classify: {why}. Retrying for {options.patience:g} s", file=sys.stderr)

    classifier = Classifier(
        options.url,
        options.model,
        access_key=os.environ.get("ACCESS_KEY"),
        patience=options.patience,
        on_wait=say_why,
    )

    def classify(path: str) -> Result:
        try:
            return path, classifier.classify(read_picture(path), options.top_k)
        except ServiceError as error:
            return path, error

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        results = tqdm(
            pool.map(classify, pictures),
            total=len(pictures),
            unit="picture",
            disable=len(pictures) < FEW or not sys.stderr.isatty(),
        )
        failed = WRITERS[options.format](results)
    if failed:
        print(f"classify: {failed} of {len(pictures)} pictures failed", file=sys.stderr)
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file, a folder or -")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument("--model", default=MODEL, help="default: %(default)s")
    parser.add_argument("--top-k", type=int, help="items for each picture (default: 3)")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        help="seconds to keep trying while no picture is answered (default: %(default)g)",
    )
    output = parser.add_mutually_exclusive_group()
    for name, help in (
        ("json", "one JSON object per line: file, and items or error"),
        ("csv", "one row per item"),
    ):
        output.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=help)
    parser.set_defaults(format="table")
    return parser.parse_args()
