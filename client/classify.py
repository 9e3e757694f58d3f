"""Classify pictures with a running service: files, folders, or - for standard input.

With --url, the service's access key, if it has one, is read from the environment variable
ACCESS_KEY. Exit status: 0 when every picture was classified (files skipped in folders do not
count), 1 if any was not, 2 if there were no pictures or the command line is wrong, 130 for Ctrl-C.
"""

import argparse
import math
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType

from tqdm import tqdm

from client.classifier import MODEL, PATIENCE, Classifier, Item
from client.errors import ServiceError
from client.output import WRITERS, Result, Unwritable, complain, model_lines, prepare, write
from client.pictures import ANSWERED, Pictures, read_picture
from client.resuming import answered
from client.shrinking import LARGEST_BODY, shrunk

URL = "http://127.0.0.1:8000"
IN_FLIGHT = 4  # enough to keep the service's cores busy, few enough to leave room for others
AHEAD = 8  # pictures that are begun before the first of them is written
TOP_K = 3  # what the service answers where nothing else is asked for
FEW = 8  # pictures, of which one would rather see the answers than a progress bar
LONGEST_PATIENCE = 86_400  # seconds
# What is wrong with one picture is wrong with all.
HOPELESS = {
    *("unauthorized", "forbidden", "wrong_host", "not_found", "method_not_allowed", "bad_top_k"),
    *("redirected", "bad_address", "bad_answer", "bad_certificate", "unknown_host", "unreachable"),
}
TOO_LARGE = ("body_too_large", "too_many_pixels")


class Stopped(BaseException):
    """By SIGINT or SIGTERM."""

    def __init__(self, number: int) -> None:
        self.number = number


@dataclass
class Tally:
    pictures: int = 0
    done: int = 0
    failed: int = 0
    hopeless: ServiceError | None = None  # why it makes no sense to go on


def main(options: argparse.Namespace, key: str | None = None, host: str | None = None) -> int:
    """options: of `arguments`. host: the name that a service on this machine is asked by."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    tally = Tally()
    try:
        prepare(options.format)
        classifier = _classifier(options, key, host)
        if options.list:
            write(model_lines(classifier.models(), options.format))
            return 0
        status = _run(options, classifier, tally)
    except ServiceError as error:
        complain(str(error))
        return 2
    except Stopped as stopped:
        complain(f"{_so_far(tally)}{_how_to_go_on(options, tally)}")
        status = 128 + stopped.number
    except Unwritable as error:
        if not error.has_left:
            complain(f"The answers can't be written: {error}")
        status = 1
    if tally.done == tally.pictures:
        return status
    # Without waiting for the answers that are under way.
    os._exit(status)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # the second time it ends whatever is still going on
    raise Stopped(number)


def _classifier(options: argparse.Namespace, key: str | None, host: str | None) -> Classifier:
    def say_why(reason: ServiceError) -> None:
        complain(f"{str(reason).rstrip('.')}. Retrying for {options.patience:g} s")

    return Classifier(
        options.url or URL,
        options.model or MODEL,
        access_key=key,
        host=host,
        patience=options.patience,
        on_wait=say_why,
    )


def _run(options: argparse.Namespace, classifier: Classifier, tally: Tally) -> int:
    pictures = Pictures(options.pictures)
    if options.resume:
        pictures.leave_out(answered(options.resume))
    tally.pictures = len(pictures.found)
    if pictures.found:
        _classify(pictures.found, options, classifier, tally)
    for folder in pictures.unreadable:
        complain(f"{folder.filename} can't be read: {folder.strerror}")
    if skipped := pictures.told():
        complain(f"skipped: {skipped}")
    if tally.hopeless and tally.done < tally.pictures:
        why = str(tally.hopeless).rstrip(".")
        complain(f"{_so_far(tally)}: {why}{_how_to_go_on(options, tally)}")
    elif tally.failed:
        complain(f"{tally.failed} of {tally.pictures} pictures failed")
    elif not tally.pictures and not pictures.skipped[ANSWERED]:
        complain("no pictures found")
        return 2
    return 1 if tally.failed or pictures.unreadable else 0


def _so_far(tally: Tally) -> str:
    if not tally.pictures:
        return "stopped before any picture was found"
    return f"stopped after {tally.done} of {tally.pictures} pictures"


def _how_to_go_on(options: argparse.Namespace, tally: Tally) -> str:
    if tally.done == tally.failed:
        return ""  # nothing to keep
    if options.format != "json":
        return ". With --json it can go on later: see --resume"
    return ". To go on, name the file with these answers: --resume FILE"


def _classify(
    paths: list[str], options: argparse.Namespace, classifier: Classifier, tally: Tally
) -> None:
    """Write the answers, until one says that there is no hope for the others."""

    def work(path: str) -> Result:
        try:
            return path, _ask(classifier, read_picture(path), options.top_k)
        except ServiceError as error:
            return path, error

    writer = WRITERS[options.format](options.top_k or TOP_K, classifier.model)
    pool = ThreadPoolExecutor(IN_FLIGHT)
    quiet = len(paths) < FEW or sys.stderr is None or not sys.stderr.isatty()
    try:
        with tqdm(total=len(paths), unit="picture", disable=quiet) as progress:
            write(writer.header())
            for result in _in_order(pool, work, paths):
                tally.done += 1
                write(writer.text(result))
                progress.update()
                outcome = result[1]
                if isinstance(outcome, ServiceError):
                    tally.failed += 1
                    if outcome.type in HOPELESS:
                        tally.hopeless = outcome
                        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(classifier: Classifier, picture: bytes, top_k: int | None) -> list[Item]:
    if len(picture) <= LARGEST_BODY:
        try:
            return classifier.classify(picture, top_k)
        except ServiceError as error:
            if error.type not in TOO_LARGE:
                raise
    return classifier.classify(shrunk(picture), top_k)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[str], Result], paths: Iterable[str]
) -> Iterator[Result]:
    begun: deque[Future[Result]] = deque()
    for path in paths:
        begun.append(pool.submit(work, path))
        if len(begun) > AHEAD:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "pictures", nargs="*", default=[], metavar="PICTURE", help="a file, a folder or -"
    )
    what.add_argument(
        "--list",
        action="store_true",
        help="say which models are served, with classes and accuracy (--json: all about them)",
    )
    parser.add_argument("--url", help=f"of the service (default: this checkout's, else {URL})")
    parser.add_argument("--model", help=f"default: the service's, else {MODEL}")
    parser.add_argument("--top-k", type=_whole, help="items for each picture (default: 3)")
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        help="seconds to keep trying while no picture is answered (default: %(default)g)",
    )
    output = parser.add_mutually_exclusive_group()
    for name, help in (
        ("json", "one JSON object per line: file, and items or error"),
        ("csv", "a row for each picture: file, its classes from the best on, error"),
    ):
        output.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=help)
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="skip what has items in FILE, which an earlier run with --json wrote: "
        "classify.py --json --resume FILE PICTURE … >> FILE",
    )
    parser.set_defaults(format="table")
    return parser


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999,999,999")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_PATIENCE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds from 0 to {LONGEST_PATIENCE:,}"
        )
    return seconds
