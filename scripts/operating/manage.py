"""Operate a running service: look at it, scale it, roll out other archives.

TorchServe's keys are read from where the service keeps them. Exit status: 0 done, 1 not.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from client.classifier import Classifier, Management, ServiceError
from scripts import ROOT, SAMPLES
from scripts.operating.rollout import Bounds, Rollout, set_default, version_of
from scripts.serving.memory import pss
from scripts.serving.run_directory import RunDirectory

WATCH = 2.0  # seconds


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    try:
        return COMMANDS[options.command](run, options)
    except ServiceError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # the way to end --watch
        return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run-directory", type=Path, default=ROOT / ".run", help="default: %(default)s"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("status", help="versions, workers and their state")
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument("--watch", action="store_true", help=f"every {WATCH:g} s, until Ctrl-C")
    command = commands.add_parser("scale", help="change the number of workers; waits until done")
    command.add_argument("workers", type=int)
    command = commands.add_parser(
        "rollout", help="another archive in the place of the one that is served, if it proves good"
    )
    command.add_argument("archive", type=Path)
    command.add_argument(
        "--expected",
        type=Path,
        help="right answers, as classify.py --json writes them (default: what is served now)",
    )
    command.add_argument("--agreement", type=float, default=Bounds.agreement, metavar="SHARE",
                         help="of the canary pictures with the expected best class "
                         "(default: %(default)s)")  # fmt: skip
    command.add_argument(
        "--beside",
        action="store_true",
        help="only load it, for those who ask for /predictions/resnet18/VERSION",
    )
    add_canaries(command)
    command = commands.add_parser("rollback", help="back to what the last rollout replaced")
    add_canaries(command)
    commands.add_parser("versions", help="what is loaded, and what rollback would bring back")
    command = commands.add_parser("default", help="make a loaded version the default")
    command.add_argument("version")
    return parser.parse_args()


def add_canaries(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--canaries", type=Path, default=SAMPLES, metavar="FOLDER", help="default: the samples"
    )
    command.add_argument(
        "--latency",
        type=float,
        default=Bounds.latency,
        metavar="SECONDS",
        help="for the slowest canary picture (default: %(default)s)",
    )


def status(run: RunDirectory, options: argparse.Namespace) -> int:
    """Exit status 0: ready; 1: not running, or a prediction would fail now."""
    while True:
        ready, text = report(run, options.json)
        if not options.watch:
            print(text)
            return 0 if ready else 1
        clear = "\033[H\033[2J" if sys.stdout.isatty() else ""
        print(f"{clear}{time.strftime('%H:%M:%S')}  {text}", flush=True)
        time.sleep(WATCH)


def report(run: RunDirectory, as_json: bool) -> tuple[bool, str]:
    management = Management.of(run)
    state = run.state()
    domain = state["settings"]["domain"]
    ready = Classifier(state["local_url"], timeout=15, host=domain).is_ready()
    versions = management.versions()
    default = management.default_version()
    for version in versions:
        version["default"] = version["modelVersion"] == default
        for worker in version["workers"]:
            worker["pss"] = pss(worker["pid"])
        if ready:  # a worker must answer for it
            version["model_card"] = management.model_card(version["modelVersion"])
    if as_json:
        whole = {"url": state["url"], "ready": ready, "versions": versions}
        return ready, json.dumps(whole, indent=2)
    head = f"{state['url']}  {'ready' if ready else 'not ready'}"
    return ready, "\n".join([head, *map(describe, versions)])


def describe(version: dict[str, Any]) -> str:
    queue = version["jobQueueStatus"]
    card = version.get("model_card")
    mark = "  default" if version["default"] else ""
    lines = [f"{version['modelName']} {version['modelVersion']}  {version['modelUrl']}{mark}"]
    if card:
        weights, classes = card["weights"], card["labels"]["classes"]
        lines.append(
            f"  {card['precision']} with {card['engine']}, {classes} classes, "
            f"weights {weights['file']} (sha256 {weights['sha256'][:8]})"
        )
    lines.append(
        f"  batches of up to {version['batchSize']} after at most {version['maxBatchDelay']} ms, "
        f"{queue['pendingRequests']} waiting, room for {queue['remainingCapacity']}"
    )
    lines.append(f"  {'worker':8} {'state':10} {'pid':>8} {'memory':>8}  started")
    for worker in version["workers"]:
        memory = f"{worker['pss'] / 1e6:.0f} MB" if worker["pss"] else ""
        lines.append(
            f"  {worker['id']:8} {worker['status']:10} {worker['pid']:>8} {memory:>8}  "
            f"{worker['startTime']}"
        )
    return "\n".join(lines)


def scale(run: RunDirectory, options: argparse.Namespace) -> int:
    workers = options.workers
    cores = os.cpu_count() or 1
    if not 1 <= workers <= 4 * cores:
        raise ServiceError(
            "bad_workers",
            f"{workers} workers: choose from 1 to {4 * cores}. One already uses all {cores} cores; "
            "more than a few only take memory",
        )
    Management.of(run).scale(workers)
    # So that it has as many after TorchServe was restarted.
    run.record(replace(run.changes(), workers=workers))
    print(f"The service has {workers} worker{'s' if workers > 1 else ''}")
    return 0


def rollout(run: RunDirectory, options: argparse.Namespace) -> int:
    bounds = Bounds(options.canaries, options.expected, options.agreement, options.latency)
    version = Rollout(run).roll_out(options.archive, bounds, options.beside)
    if options.beside:
        print(f"Version {version} answers at /predictions/resnet18/{version}")
    else:
        print(f"Version {version} serves. To take it back: make rollback")
    return 0


def rollback(run: RunDirectory, options: argparse.Namespace) -> int:
    version = Rollout(run).roll_back(Bounds(options.canaries, latency=options.latency))
    print(f"Version {version} serves again")
    return 0


def versions(run: RunDirectory, _: argparse.Namespace) -> int:
    management = Management.of(run)
    default = management.default_version()
    for version in management.versions():
        mark = "default" if version["modelVersion"] == default else "loaded"
        print(f"{version['modelVersion']:10} {mark:10} {version['modelUrl']}")
    if previous := run.changes().previous:
        print(f"{version_of(run.model_store / previous):10} {'replaced':10} {previous}")
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
    "versions": versions,
    "default": default,
}


if __name__ == "__main__":
    sys.exit(main())
