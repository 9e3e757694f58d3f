"""What TorchServe has loaded, made to be what is recorded.

Whoever changes something records in `.run/changes.json` what should be; then TorchServe is made so.
What interrupts a command leaves a difference, which the next one finds and removes.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from client.errors import ServiceError
from scripts.serving.bounds import DRAIN, READY
from scripts.serving.management import Management, Version, running
from scripts.serving.run_directory import RunDirectory

POLL = 0.1  # seconds
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# What is answered while TorchServe restarts; it comes back with what is recorded.
RESTARTS = (
    *("unreachable", "InvalidKeyException"),
    *("ModelNotFoundException", "ModelVersionNotFoundException"),
)


@contextmanager
def change(run: RunDirectory, model: str) -> Iterator[Management]:
    """Of a model. One at a time; what is recorded is so before the block, if it can be, and after.

    Raises ServiceError; after an exception of the block, that one.
    """
    with one_at_a_time(run):
        for repaired in settle_if_possible(run):
            print(f"A command before this one did not finish: {repaired}", file=sys.stderr)
        try:
            yield Management.of(run, model)
        except BaseException:
            with uninterrupted():
                settle_if_possible(run)
            raise
        with uninterrupted():
            settle(run, [model])


@contextmanager
def one_at_a_time(run: RunDirectory) -> Iterator[None]:
    """Raises ServiceError where nothing runs, or another command is at work.

    The end of the process, however it ends, lets go.
    """
    running(run)
    if not run.changes().models:
        raise ServiceError(
            "other_version",
            "This service was started by another version of these commands. To change it: "
            "make stop, make start",
        )
    descriptor = os.open(run.path / "rollout.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError(
                "busy", "Another rollout or change is in progress; wait until it has finished"
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal that would end the command comes too late."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        while signal.sigtimedwait(ENDING, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def settle(run: RunDirectory, models: Iterable[str] | None = None) -> list[str]:
    """Make it so; returns what had to be done, in words. Raises ServiceError.

    models: None for all; what can't be done with one is told after the others are settled. Waits
    for a TorchServe that is restarting.
    """
    done, failures = [], []
    for model in models or run.changes().models:
        try:
            done += _when_it_is_there(partial(_settle, run, model))
        except ServiceError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    done += _when_it_is_there(partial(_unload_others, run))
    wanted = run.changes().models.values()
    kept = {archive for one in wanted for archive in (*one.archives, one.previous)}
    for file in run.model_store.iterdir():
        if file.name not in kept:
            file.unlink()
    return done


def _when_it_is_there(attempt: Callable[[], list[str]]) -> list[str]:
    """What a TorchServe that restarts refuses is tried again. Raises ServiceError."""
    deadline = time.monotonic() + READY
    while True:
        try:
            return attempt()
        except ServiceError as error:
            if error.type not in (*RESTARTS, "starting") or time.monotonic() > deadline:
                raise
        time.sleep(POLL)


def settle_if_possible(run: RunDirectory) -> list[str]:
    """Like settle, but what prevents it is only told: the command may be the way out."""
    try:
        return settle(run)
    except ServiceError as error:
        print(f"What was wanted before can't be done: {in_a_sentence(error, run)}", file=sys.stderr)
        return []


def in_a_sentence(error: ServiceError, run: RunDirectory) -> str:
    """What happened; whatever TorchServe's restart looks like to a command is called that."""
    if error.type not in RESTARTS:
        return str(error)
    try:
        running(run)
    except ServiceError as ended:
        return str(ended)
    return "TorchServe is restarting. Try again in a moment"


def _settle(run: RunDirectory, model: str) -> list[str]:
    wanted, management = run.changes().models[model], Management.of(run, model)
    versions = {archive_of(version): version for version in management.versions()}
    if wanted.archives[0] not in versions:
        raise ServiceError(
            "not_loaded", f"TorchServe has not loaded {wanted.archives[0]}. See {run.logs}"
        )
    done = []
    default = versions[wanted.archives[0]]
    name = default["modelVersion"]
    if wanted.workers and len(default["workers"]) != wanted.workers:
        management.scale(wanted.workers, name)
    if management.default()["modelVersion"] != name:
        management.set_default(name)
        done.append(f"version {name} of {model} is the default now")
    for archive, version in versions.items():
        if archive not in wanted.archives:
            drain(management, version["modelVersion"])
            management.unregister(version["modelVersion"])
            done.append(f"version {version['modelVersion']} of {model} was unloaded")
    return done


def _unload_others(run: RunDirectory) -> list[str]:
    """Models that are not recorded. Those that were given up have no workers, and stay."""
    changes, done = run.changes(), []
    management = Management.of(run, next(iter(changes.models)))
    for model in management.models() - changes.models.keys() - changes.given_up.keys():
        unload_model(Management.of(run, model))
        done.append(f"{model} was unloaded")
    return done


def unload_model(management: Management) -> None:
    """With every version; nobody asks for it any more, or does not yet."""
    for version in management.versions():
        management.unregister(version["modelVersion"])


def drain(management: Management, version: str) -> None:
    """Until its requests, to which no more are added, are answered. The others are sent again."""
    deadline = time.monotonic() + DRAIN
    while management.version(version)["jobQueueStatus"]["pendingRequests"]:
        if time.monotonic() > deadline:
            return
        time.sleep(POLL)
    workers = management.version(version)["workers"]
    if workers and all(worker["status"] == "READY" for worker in workers):
        # What waits no more is at the workers; they answer this only after it.
        for _ in workers:
            with suppress(ServiceError):  # it died
                management.model_card(version)


def archive_of(version: Version) -> str:
    """Its name in the model store."""
    return Path(version["modelUrl"]).name


def archives_of(management: Management) -> dict[str, str]:
    """The archive of each loaded version."""
    return {one["modelVersion"]: archive_of(one) for one in management.versions()}
