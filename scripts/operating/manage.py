"""Operate a running service: show its status, scale it, roll out other archives, renew its keys.

TorchServe's keys are read from where the service keeps them. Exit status: 0 on success, 1 on
failure, 128 and its number where a signal ended it (Ctrl-C: 130).
"""

import argparse
import math
import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from client.errors import ServiceError
from scripts import SAMPLES
from scripts.operating import rollout as moves
from scripts.operating.canaries import Bounds, TooSlow
from scripts.operating.change import ENDING, in_a_sentence
from scripts.operating.keys import GRACE, renew_access_key, renew_torchserve_keys
from scripts.operating.status import WATCH, show
from scripts.serving.failures import in_words
from scripts.serving.run_directory import DEFAULT, RunDirectory
from scripts.serving.settings import MOST_WORKERS, Settings
from scripts.serving.variables import BadSetting, variables


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage of every option."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog.split()[-1]}: {message}. See --help\n")


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    for ending in ENDING:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup's wish
            signal.signal(ending, interrupt)
    try:
        status = COMMANDS[options.command](run, options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except ServiceError as error:
        print(f"{options.command}: {in_a_sentence(error, run)}", file=sys.stderr)
        return 1
    except BadSetting as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # another user's service, a full disk
        print(f"{options.command}: {in_words(error, run.path)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interruption:
        received: int = interruption.args[0]
        if getattr(options, "watch", False):  # the way to end it
            return 0 if received == signal.SIGINT else 128 + received
        with suppress(OSError):  # its terminal is gone
            print(f"{options.command}: interrupted. See: make versions", file=sys.stderr)
        return 128 + received


def interrupt(received: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(received)


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--run-directory", type=Path, default=DEFAULT, help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("status", help="versions, workers and their state")
    command.add_argument("--json", action="store_true", help="machine-readable output")
    command.add_argument(
        "--watch", action="store_true", help=f"refresh every {WATCH:g} s, until Ctrl-C"
    )
    command = commands.add_parser("scale", help="change the number of workers; waits until done")
    command.add_argument("workers", nargs="?", help=f"1 to {MOST_WORKERS} (default: WORKERS)")
    add_rollout(
        commands.add_parser(
            "rollout",
            help="replace the served archive with another, if it passes the canary check",
        )
    )
    add_canaries(
        commands.add_parser("rollback", help="undo the last change of the default version"),
        latency=None,  # it shares the cores with what may be at fault
    )
    commands.add_parser("versions", help="loaded versions, and the one a rollback would restore")
    for name, words in {
        "default": "make a loaded version the default",
        "unload": "unload a version that is not the default",
    }.items():
        command = commands.add_parser(name, help=words)
        command.add_argument("version", nargs="?", help="default: VERSION")
    command = commands.add_parser(
        "rotate-keys", help="new keys: of TorchServe, and the access key where there is one"
    )
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
    return parser.parse_args()


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
        default=Bounds.agreement,
        metavar="SHARE",
        help="of canary pictures with the expected best class, at least (default: %(default)s)",
    )
    command.add_argument(
        "--beside",
        action="store_true",
        help="only load it, for clients that ask for /predictions/MODEL/VERSION",
    )
    add_canaries(command, Bounds.latency)


def add_canaries(command: argparse.ArgumentParser, latency: float | None) -> None:
    """latency: the limit where none is given, in seconds; None: there is none."""
    command.add_argument(
        "--canaries", type=Path, default=SAMPLES, metavar="FOLDER", help="default: the samples"
    )
    command.add_argument(
        "--latency",
        type=number(0),
        default=latency or math.inf,
        metavar="SECONDS",
        help=f"limit for the slowest canary picture (default: {latency or 'none'})",
    )


def given(options: argparse.Namespace, field: str, question: str = "") -> Any:
    """A setting of the command line, else of the environment. Raises BadSetting, ServiceError."""
    one = next(one for one in variables(Settings) if one.field == field)
    if (text := getattr(options, field, None)) is not None:
        return one.read(text, one.name)
    if one.name in os.environ:
        return one.read(os.environ[one.name], one.name)
    raise ServiceError("not_given", question)


def status(run: RunDirectory, options: argparse.Namespace) -> int:
    return show(run, options.json, options.watch)


def scale(run: RunDirectory, options: argparse.Namespace) -> int:
    workers = given(options, "workers", "How many workers? make scale WORKERS=3")
    moves.scale(run, workers)
    print(f"The service has {workers} worker{'s' if workers > 1 else ''}")
    return 0


def rollout(run: RunDirectory, options: argparse.Namespace) -> int:
    archive = given(options, "archive", "Which archive? make rollout ARCHIVE=new.mar")
    bounds = Bounds(options.canaries, options.expected, options.agreement, options.latency)
    rollout = moves.Rollout(run)
    try:
        version = rollout.roll_out(archive, bounds, options.beside)
    except TooSlow as error:
        arguments = [*sys.argv[1:], *([] if options.archive else [str(archive)])]
        again = f"{shlex.join(arguments)} --latency {math.ceil(error.seconds)}"
        raise ServiceError(
            error.type, f"{error}. To accept that: .venv/bin/python -m scripts.manage {again}"
        ) from error
    if options.beside:
        print(f"Version {version} answers at /predictions/{rollout.state.model}/{version}")
    else:
        print(f"Version {version} is now serving. To undo: make rollback")
    return 0


def rollback(run: RunDirectory, options: argparse.Namespace) -> int:
    version = moves.Rollout(run).roll_back(Bounds(options.canaries, latency=options.latency))
    print(f"Version {version} is serving again")
    return 0


def list_versions(run: RunDirectory, _: argparse.Namespace) -> int:
    rows = moves.versions(run)
    for row in rows:
        mark = f"{row.state}, before" if row.before else row.state
        print(f"{row.version:10} {mark:18} {row.archive}")
    if any(row.before for row in rows):
        print("before: it was the default before; make rollback restores it")
    if "unrecorded" in (row.state for row in rows):
        print(
            "unrecorded: a command is at work on it, or did not finish; the next scale, rollout, "
            "rollback, default or unload puts it right"
        )
    return 0


def the_version(options: argparse.Namespace) -> str:
    """Raises ServiceError."""
    version: str | None = options.version or os.environ.get("VERSION")
    if not version:
        raise ServiceError("not_given", f"Which version? make {options.command} VERSION=2.0")
    return version


def default(run: RunDirectory, options: argparse.Namespace) -> int:
    version = the_version(options)
    if moves.set_default(run, version):
        print(f"Version {version} is the default. To undo: make rollback")
    else:
        print(f"Version {version} is the default already; nothing was changed")
    return 0


def unload(run: RunDirectory, options: argparse.Namespace) -> int:
    version = the_version(options)
    moves.unload(run, version)
    print(f"Version {version} is no longer loaded")
    return 0


def rotate_keys(run: RunDirectory, options: argparse.Namespace) -> int:
    new = key_in(options.key_from) if options.key_from else None
    if path := renew_access_key(run, new, options.grace):
        seconds = run.changes().old_until - time.monotonic()
        until = in_time(time.time() + seconds)
        print(f"The new access key is in {path}. The one before is valid until {until}", flush=True)
    renew_torchserve_keys(run)
    print("TorchServe has new keys")
    return 0


def key_in(file: Path) -> Any:
    """Raises BadSetting, OSError."""
    one = next(one for one in variables(Settings) if one.field == "access_key")
    return one.read(file.read_text("utf-8", "replace").strip(), str(file))


def in_time(when: float) -> str:
    """The local time, with the date where it is not today's. when: as time.time() has it."""
    today = time.strftime("%Y-%m-%d")
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when)).removeprefix(f"{today} ")


COMMANDS = {
    "status": status,
    "scale": scale,
    "rollout": rollout,
    "rollback": rollback,
    "versions": list_versions,
    "default": default,
    "unload": unload,
    "rotate-keys": rotate_keys,
}
