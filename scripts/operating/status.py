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
from scripts.serving.changes import Wanted
from scripts.serving.management import Management, Queue, running
from scripts.serving.memory import pss
from scripts.serving.order import LARGE, cluster_of
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


class ModelStatus(TypedDict):
    ready: bool
    queue: Waiting | None  # for a place at TorchServe; None while the gateway is starting
    versions: list[VersionStatus]


class Status(TypedDict):
    url: str
    ready: bool
    models: dict[str, ModelStatus]
    given_up: dict[str, str]  # models, and why they can't be loaded
    large: Waiting | None  # for the door of large bodies


def status_of(run: RunDirectory) -> Status:
    """Raises ServiceError where none runs in `run`."""
    state, changes = running(run), run.changes()
    queues = _queues(run)
    models: dict[str, ModelStatus] = {}
    for name, wanted in changes.models.items():
        host = state.settings.domain
        ready = Classifier(state.local_url, name, timeout=STATUS, host=host).model_is_ready()
        versions = _versions(Management.of(run, name), wanted, ready)
        models[name] = {"ready": ready, "queue": queues.get(cluster_of(name)), "versions": versions}
    return {
        "url": state.url,
        "ready": bool(models) and all(model["ready"] for model in models.values()),
        "models": models,
        "given_up": changes.given_up,
        "large": queues.get(LARGE),
    }


def _versions(management: Management, wanted: Wanted, ready: bool) -> list[VersionStatus]:
    default = management.default()["modelVersion"]
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
            "recorded": archive_of(version) in wanted.archives,
        }
        if ready and described["recorded"]:  # a worker must answer for it
            described["model_card"] = management.model_card(name)
        versions.append(described)
    return versions


def _queues(run: RunDirectory) -> dict[str, Waiting]:
    """By the names of the gateway's clusters; empty while it is starting."""
    active, room = "upstream_rq_pending_active", "circuit_breakers.default.remaining_pending"
    clusters = [LARGE, *map(cluster_of, run.changes().models)]
    try:
        stats = Admin(run.admin).stats(rf"^cluster\..*\.({active}|{room})$")
    except Unreachable:
        return {}
    return {
        name: {
            "waiting": stats[f"cluster.{name}.{active}"],
            "room": stats[f"cluster.{name}.{room}"],
        }
        for name in clusters
        if f"cluster.{name}.{room}" in stats
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
    lines = [f"{status['url']}  {'ready' if status['ready'] else 'not ready'}"]
    lines += _queue_in_words("waiting with a body over 500 kB", status["large"])
    for name, model in status["models"].items():
        lines.append(f"{name}  {'ready' if model['ready'] else 'not ready'}")
        lines += _queue_in_words("waiting at the gateway", model["queue"])
        lines += map(_version_in_words, model["versions"])
    return "\n".join([*lines, *status["given_up"].values()])


def _queue_in_words(what: str, queue: Waiting | None) -> list[str]:
    return [f"  {what:31} {queue['waiting']:5}, room for {queue['room']}"] if queue else []


def _version_in_words(version: VersionStatus) -> str:
    queue = version["jobQueueStatus"]
    card = version.get("model_card")
    mark = "  default" if version["default"] else "" if version["recorded"] else "  unrecorded"
    lines = [f"  version {version['modelVersion']}  {version['modelUrl']}{mark}"]
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
