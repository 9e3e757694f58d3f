"""Look at a running service and scale it, through TorchServe's management API.

The key is read from where the service keeps it.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from scripts.client import Classifier, Management, ServiceError
from scripts.run_directory import ROOT, RunDirectory


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    try:
        if options.command == "status":
            return status(run, options.json)
        scale(run, options.workers)
    except ServiceError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run-directory", type=Path, default=ROOT / ".run", help="default: %(default)s"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("status", help="versions, workers and their state")
    command.add_argument("--json", action="store_true", help="for programs")
    command = commands.add_parser("scale", help="change the number of workers; waits until done")
    command.add_argument("workers", type=int)
    return parser.parse_args()


def status(run: RunDirectory, as_json: bool) -> int:
    """Exit status 0: ready; 1: not running, or a prediction would fail now."""
    management = Management.of(run)
    state = run.state()
    domain = state["settings"]["domain"]
    ready = Classifier(state["local_url"], timeout=15, host=domain).is_ready()
    versions = management.versions()
    if ready:  # a worker must answer for it
        for version in versions:
            version["model_card"] = management.model_card(version["modelVersion"])
    if as_json:
        print(json.dumps({"url": state["url"], "ready": ready, "versions": versions}, indent=2))
    else:
        print(f"{state['url']}  {'ready' if ready else 'not ready'}")
        for version in versions:
            print(describe(version))
    return 0 if ready else 1


def describe(version: dict[str, Any]) -> str:
    queue = version["jobQueueStatus"]
    card = version.get("model_card")
    lines = [f"{version['modelName']} {version['modelVersion']}  {version['modelUrl']}"]
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
    lines.append(f"  {'worker':8} {'state':10} {'pid':>8}  started")
    lines.extend(
        f"  {worker['id']:8} {worker['status']:10} {worker['pid']:>8}  {worker['startTime']}"
        for worker in version["workers"]
    )
    return "\n".join(lines)


def scale(run: RunDirectory, workers: int) -> None:
    cores = os.cpu_count() or 1
    if not 1 <= workers <= 4 * cores:
        raise ServiceError(
            "bad_workers",
            f"{workers} workers: choose from 1 to {4 * cores}. One already uses all {cores} cores; "
            "more than a few only take memory",
        )
    management = Management.of(run)
    management.scale(workers)
    # So that it has as many after TorchServe was restarted.
    run.record_scale(workers)
    print(f"The service has {workers} worker{'s' if workers > 1 else ''}")


if __name__ == "__main__":
    sys.exit(main())
