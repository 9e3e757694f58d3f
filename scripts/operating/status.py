"""How a service stands, for people and for programs."""

import json
import sys
import time
from functools import partial
from typing import Any, NotRequired, TypedDict

from client.classifier import Classifier
from client.errors import ServiceError
from scripts.operating.change import archive_of, in_a_sentence
from scripts.serving.admin import Admin, Unreachable
from scripts.serving.bounds import STATUS
from scripts.serving.management import Management, Queue, running
from scripts.serving.memory import pss
from scripts.serving.run_directory import RunDirectory

WATCH = 2.0  # seconds between two looks


class WorkerStatus(TypedDict):
    id: str
    status: str
    pid: int
    startTime: str
    pss: int | None  # bytes; None where it can't be read


class VersionStatus(TypedDict):
    modelName: str
    modelVersion: str
    modelUrl: str
    batchSize: int
    maxBatchDelay: int
    workers: list[WorkerStatus]
    jobQueueStatus: Queue
    default: bool
    recorded: bool  # False: a command is at work on it, or did not finish
    model_card: NotRequired[dict[str, Any]]


class Waiting(TypedDict):
    """Requests in one of the gateway's queues."""

    waiting: int
    room: int  # for more


class Status(TypedDict):
    url: str
    ready: bool
    queues: dict[str, Waiting]  # for a place at TorchServe, for the door of large bodies
    versions: list[VersionStatus]


def status_of(run: RunDirectory) -> Status:
    """Raises ServiceError where none runs in `run`."""
    state, management = running(run), Management.of(run)
    host = state.settings.domain
    ready = Classifier(state.local_url, timeout=STATUS, host=host).is_ready()
    default = management.default()["modelVersion"]
    recorded = run.changes().archives
    versions: list[VersionStatus] = []
    for version in management.versions():
        name = version["modelVersion"]
        workers: list[WorkerStatus] = [
            {**worker, "pss": pss(worker["pid"])} for worker in version["workers"]
        ]
        described: VersionStatus = {
            **version,  # type: ignore[typeddict-item]
            "workers": workers,
            "default": name == default,
            "recorded": archive_of(version) in recorded,
        }
        if ready and described["recorded"]:  # a worker must answer for it
            described["model_card"] = management.model_card(name)
        versions.append(described)
    return {"url": state.url, "ready": ready, "queues": _queues(run), "versions": versions}


def _queues(run: RunDirectory) -> dict[str, Waiting]:
    """Empty while the gateway is starting."""
    clusters = ("torchserve", "large")
    active, room = "upstream_rq_pending_active", "circuit_breakers.default.remaining_pending"
    try:
        stats = Admin(run.admin).stats(f"^cluster.({'|'.join(clusters)}).({active}|{room})$")
    except Unreachable:
        return {}
    return {
        name: {
            "waiting": stats[f"cluster.{name}.{active}"],
            "room": stats[f"cluster.{name}.{room}"],
        }
        for name in clusters
    }


def show(run: RunDirectory, as_json: bool, watch: bool) -> int:
    """Exit status 0: ready; 1: a prediction would fail now. Raises ServiceError.

    watch: until interrupted, also while nothing runs.
    """
    write = partial(json.dumps, indent=2) if as_json else in_words
    if not watch:
        status = status_of(run)
        print(write(status))
        return 0 if status["ready"] else 1
    while True:
        try:
            text = write(status_of(run))
        except ServiceError as error:
            text = in_a_sentence(error, run)
        clear = "\033[H\033[2J" if sys.stdout.isatty() else ""
        print(f"{clear}{time.strftime('%H:%M:%S')}  {text}", flush=True)
        time.sleep(WATCH)


def in_words(status: Status) -> str:
    head = f"{status['url']}  {'ready' if status['ready'] else 'not ready'}"
    queues = [_queue_in_words(*item) for item in status["queues"].items()]
    return "\n".join([head, *queues, *map(_version_in_words, status["versions"])])


def _queue_in_words(name: str, queue: Waiting) -> str:
    what = {"torchserve": "waiting at the gateway", "large": "... with a body over 500 kB"}[name]
    return f"  {what:27} {queue['waiting']:5}, room for {queue['room']}"


def _version_in_words(version: VersionStatus) -> str:
    queue = version["jobQueueStatus"]
    card = version.get("model_card")
    mark = "  default" if version["default"] else "" if version["recorded"] else "  unrecorded"
    lines = [f"{version['modelName']} {version['modelVersion']}  {version['modelUrl']}{mark}"]
    if card:
        weights, classes = card["weights"], card["labels"]["classes"]
        lines.append(
            f"  {card['precision']} with {card['engine']}, {classes} classes, "
            f"weights {weights['file']} (sha256 {weights['sha256'][:8]})"
        )
    lines.append(
        f"  batches of up to {version['batchSize']} after at most {version['maxBatchDelay']} ms, "
        f"{queue['pendingRequests']} ready for the next"
    )
    lines.append(f"  {'worker':8} {'state':10} {'pid':>8} {'memory':>8}  started")
    for worker in version["workers"]:
        memory = f"{worker['pss'] / 1e6:.0f} MB" if worker["pss"] else ""
        lines.append(
            f"  {worker['id']:8} {worker['status']:10} {worker['pid']:>8} {memory:>8}  "
            f"{worker['startTime']}"
        )
    return "\n".join(lines)
