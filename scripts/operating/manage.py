"""Operate a running service: show its status, scale it, roll out other archives.

TorchServe's keys are read from where the service keeps them. Exit status: 0 on success, 1 on
failure.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from client.errors import ServiceError
from scripts import SAMPLES
from scripts.operating.canaries import Bounds
from scripts.operating.rollout import Rollout, one_change_at_a_time, set_default
from scripts.operating.status import WATCH, show
from scripts.serving.archives import model_of
from scripts.serving.management import Management
from scripts.serving.run_directory import DEFAULT, RunDirectory
from scripts.serving.settings import MOST_WORKERS, Settings
from scripts.serving.variables import BadSetting, variables


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    try:
        return COMMANDS[options.command](run, options)
    except (ServiceError, BadSetting) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # another user's service
        print(f"{options.command}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # the way to end --watch
        return 0 if getattr(options, "watch", False) else 130


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
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
        commands.add_parser("rollback", help="go back to the version the last rollout replaced")
    )
    commands.add_parser("versions", help="loaded versions, and the one a rollback would restore")
    command = commands.add_parser("default", help="make a loaded version the default")
    command.add_argument("version")
    return parser.parse_args()


def add_rollout(command: argparse.ArgumentParser) -> None:
    command.add_argument("archive", nargs="?", help="the new one (default: ARCHIVE)")
    command.add_argument(
        "--expected",
        type=Path,
        help="correct answers, as classify.py --json writes them (default: the current version's)",
    )
    command.add_argument(
        "--agreement",
        type=float,
        default=Bounds.agreement,
        metavar="SHARE",
        help="of canary pictures with the expected best class, at least (default: %(default)s)",
    )
    command.add_argument(
        "--beside",
        action="store_true",
        help="only load it, for clients that ask for /predictions/MODEL/VERSION",
    )
    add_canaries(command)


def add_canaries(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--canaries", type=Path, default=SAMPLES, metavar="FOLDER", help="default: the samples"
    )
    command.add_argument(
        "--latency",
        type=float,
        default=Bounds.latency,
        metavar="SECONDS",
        help="limit for the slowest canary picture (default: %(default)s)",
    )


def given(options: argparse.Namespace, field: str, question: str) -> Any:
    """A setting of the command line, else of the environment. Raises BadSetting, ServiceError."""
    one = next(one for one in variables(Settings) if one.field == field)
    if (text := getattr(options, field)) is not None:
        return one.read(text, one.name)
    if one.name in os.environ:
        return one.read(os.environ[one.name], one.name)
    raise ServiceError("not_given", question)


def status(run: RunDirectory, options: argparse.Namespace) -> int:
    return show(run, options.json, options.watch)


def scale(run: RunDirectory, options: argparse.Namespace) -> int:
    workers = given(options, "workers", "How many workers? make scale WORKERS=3")
    management = Management.of(run)
    with one_change_at_a_time(run):
        management.scale(workers)
        # So that it has as many after TorchServe was restarted.
        run.record(replace(run.changes(), workers=workers))
    print(f"The service has {workers} worker{'s' if workers > 1 else ''}")
    return 0


def rollout(run: RunDirectory, options: argparse.Namespace) -> int:
    archive = given(options, "archive", "Which archive? make rollout ARCHIVE=new.mar")
    bounds = Bounds(options.canaries, options.expected, options.agreement, options.latency)
    rollout = Rollout(run)
    version = rollout.roll_out(archive, bounds, options.beside)
    if options.beside:
        print(f"Version {version} answers at /predictions/{rollout.state.model}/{version}")
    else:
        print(f"Version {version} is now serving. To undo: make rollback")
    return 0


def rollback(run: RunDirectory, options: argparse.Namespace) -> int:
    version = Rollout(run).roll_back(Bounds(options.canaries, latency=options.latency))
    print(f"Version {version} is serving again")
    return 0


def list_versions(run: RunDirectory, _: argparse.Namespace) -> int:
    management = Management.of(run)
    default = management.default()["modelVersion"]
    for version in management.versions():
        mark = "default" if version["modelVersion"] == default else "loaded"
        print(f"{version['modelVersion']:10} {mark:10} {version['modelUrl']}")
    if previous := run.changes().previous:
        replaced = model_of(run.model_store / previous).version
        print(f"{replaced:10} {'replaced':10} {previous}")
    return 0


def default(run: RunDirectory, options: argparse.Namespace) -> int:
    set_default(run, options.version)
    print(f"Version {options.version} is the default")
    return 0


COMMANDS = {
    "status": status,
    "scale": scale,
    "rollout": rollout,
    "rollback": rollback,
    "versions": list_versions,
    "default": default,
}
