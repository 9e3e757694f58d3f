"""What TorchServe has loaded, made to be what is recorded.

Whoever changes something records in `.run/changes.json` what should be; then TorchServe is made so.
What interrupts a command leaves a difference, which the next one finds and removes.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
def change(run: RunDirectory) -> Iterator[Management]:
    """One at a time; what is recorded is so before the block, if it can be, and after it.

    Raises ServiceError; after an exception of the block, that one.
    """
    with one_at_a_time(run):
        for repaired in settle_if_possible(run):
            print(f"A command before this one did not finish: {repaired}", file=sys.stderr)
        try:
            yield Management.of(run)
        except BaseException:
            with uninterrupted():
                settle_if_possible(run)
            raise
        with uninterrupted():
            settle(run)


@contextmanager
def one_at_a_time(run: RunDirectory) -> Iterator[None]:
    """Raises ServiceError where nothing runs, or another command is at work.

    The end of the process, however it ends, lets go.
    """
    running(run)
    if not run.changes().archives:
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


def settle(run: RunDirectory) -> list[str]:
    """Make it so; returns what had to be done, in words. Raises ServiceError.

    Waits for a TorchServe that is restarting.
    """
    deadline = time.monotonic() + READY
    while True:
        try:
            return _settle(run, Management.of(run))
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


def _settle(run: RunDirectory, management: Management) -> list[str]:
    changes = run.changes()
    versions = {archive_of(version): version for version in management.versions()}
    if changes.archives[0] not in versions:
        raise ServiceError(
            "not_loaded", f"TorchServe has not loaded {changes.archives[0]}. See {run.logs}"
        )
    done = []
    default = versions[changes.archives[0]]
    name = default["modelVersion"]
    if changes.workers and len(default["workers"]) != changes.workers:
        management.scale(changes.workers, name)
    if management.default()["modelVersion"] != name:
        management.set_default(name)
        done.append(f"version {name} is the default now")
    for archive, version in versions.items():
        if archive not in changes.archives:
            drain(management, version["modelVersion"])
            management.unregister(version["modelVersion"])
            done.append(f"version {version['modelVersion']} was unloaded")
    for file in run.model_store.iterdir():
        if file.name not in (*changes.archives, changes.previous):
            file.unlink()
    return done


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
