"""The options of the commands that operate a service."""

import argparse
import math
import os
from pathlib import Path
from typing import Any, NoReturn

from scripts.operating.canaries import Bounds
from scripts.operating.keys import GRACE
from scripts.operating.status import WATCH
from scripts.serving.run_directory import DEFAULT
from scripts.serving.settings import MOST_WORKERS

DESCRIPTION = """Operate a running service: show its status, scale it, roll out other archives,
renew its keys. TorchServe's keys are read from where the service keeps them. Exit status: 0 on
success, 1 on failure, 128 and its number where a signal ended it (Ctrl-C: 130)."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage of every option."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog.split()[-1]}: {message}. See --help\n")


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=DESCRIPTION)
    parser.add_argument("--run-directory", type=Path, default=DEFAULT, help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("status", help="versions, workers and their state")
    command.add_argument("--json", action="store_true", help="machine-readable output")
    command.add_argument(
        "--watch", action="store_true", help=f"refresh every {WATCH:g} s, until Ctrl-C"
    )
    command = commands.add_parser("scale", help="change the number of workers; waits until done")
    command.add_argument("workers", nargs="?", help=f"1 to {MOST_WORKERS} (default: WORKERS)")
    add_name(command)
    add_rollout(
        commands.add_parser(
            "rollout",
            help="replace the served archive of its model, if it passes the canary check; one of "
            "another model is served beside them",
        )
    )
    command = commands.add_parser("rollback", help="undo the last change of the default version")
    add_canaries(command, latency=None)  # it shares the cores with what may be at fault
    add_name(command)
    commands.add_parser("versions", help="loaded versions, and the one a rollback would restore")
    for name, words in {
        "default": "make a loaded version the default",
        "unload": "unload a version that is not the default",
    }.items():
        command = commands.add_parser(name, help=words)
        command.add_argument("version", nargs="?", help="default: VERSION")
        add_name(command)
    add_rotate_keys(
        commands.add_parser(
            "rotate-keys", help="new keys: of TorchServe, and the access key where there is one"
        )
    )
    return parser.parse_args()


def add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", metavar="MODEL", help="of several (default: the first)")


def number(least: float, most: float = math.inf) -> Any:
    """An option's type."""

    def read(text: str) -> float:
        try:
            if least <= (value := float(text)) <= most:
                return value
        except ValueError:
            pass
        bounds = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {bounds}")

    return read


def add_rollout(command: argparse.ArgumentParser) -> None:
    command.add_argument("archive", nargs="?", help="the new one (default: ARCHIVE)")
    command.add_argument(
        "--expected",
        type=Path,
        help="correct answers, as classify.py --json writes them (default: the current version's)",
    )
    command.add_argument(
        "--agreement",
        type=number(0, 1),
        metavar="SHARE",
        help="of canary pictures with the expected best class, at least (default: "
        f"{Bounds.agreement}; 0 with --labelled, which says more)",
    )
    command.add_argument(
        "--beside",
        action="store_true",
        help="only load it, for clients that ask for /predictions/MODEL/VERSION",
    )
    command.add_argument(
        "--labelled",
        type=Path,
        default=os.environ.get("LABELLED"),
        metavar="FOLDER",
        help="pictures in a folder for each class (or a CSV, or a zip), on which it must not be "
        "worse than what is served",
    )
    command.add_argument(
        "--require",
        type=requirement,
        default=os.environ.get("REQUIRE"),
        metavar="accuracy=SHARE|better",
        help="on them; better: than what is served, by more than chance",
    )
    add_canaries(command, Bounds.latency)


def requirement(text: str) -> dict[str, Any]:
    """What a new version has to reach, one thing or both, with a comma between."""
    reached: dict[str, Any] = {}
    for word in text.split(","):
        name, _, share = word.partition("=")
        if word == "better":
            reached["better"] = True
        elif name == "accuracy":
            reached["accuracy"] = number(0, 1)(share)
        else:
            raise argparse.ArgumentTypeError(f"write accuracy=0.9, or better, instead of {word!r}")
    return reached


def add_canaries(command: argparse.ArgumentParser, latency: float | None) -> None:
    """latency: the limit where none is given, in seconds; None: there is none."""
    command.add_argument(
        "--canaries",
        type=Path,
        metavar="FOLDER",
        help="default: the archive's own samples, else the page's",
    )
    command.add_argument(
        "--latency",
        type=number(0),
        default=latency or math.inf,
        metavar="SECONDS",
        help=f"limit for the slowest canary picture (default: {latency or 'none'})",
    )


def add_rotate_keys(command: argparse.ArgumentParser) -> None:
    command.description = (
        "The new access key is a random one, whatever ACCESS_KEY is in the environment. It is "
        "written into the service's folder, for its user alone."
    )
    command.add_argument(
        "--key-from",
        type=Path,
        metavar="FILE",
        help="the new access key is in this file (/dev/stdin: standard input)",
    )
    command.add_argument(
        "--grace",
        type=number(0, 7 * 86400),
        default=GRACE,
        metavar="SECONDS",
        help="for which the access key before stays valid (default: %(default)g)",
    )
