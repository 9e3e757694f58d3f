"""Another archive in the place of the one that is served, without a request lost.

The new version is loaded beside the old one and has to prove itself on canary pictures before it
becomes the default; until then, and whenever something fails, the old one serves.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from client.errors import ServiceError
from scripts.operating.canaries import Bounds, Canaries
from scripts.serving.archives import model_of
from scripts.serving.bounds import DRAIN
from scripts.serving.management import Management, Version, running
from scripts.serving.run_directory import Changes, RunDirectory

DRAIN_POLL = 0.1  # seconds


class Rollout:
    def __init__(self, run: RunDirectory) -> None:
        """Raises ServiceError where no archive can be rolled out."""
        self.run = run
        self.management = Management.of(run)
        self.state = running(run)
        if not self.state.settings.model_api:
            raise ServiceError(
                "no_model_api",
                "This service does not accept other archives while running. To allow it: "
                "make stop; make start MODEL_API=1 (README.md says what that opens)",
            )

    def roll_out(self, archive: Path, bounds: Bounds, beside: bool = False) -> str:
        """Make `archive` the default version. Returns its version; raises ServiceError.

        beside: only load it, for those who name its version.
        """
        model, version = model_of(archive)
        if model != self.state.model:
            raise ServiceError(
                "other_model", f"{archive} holds model {model}; this service has {self.state.model}"
            )
        with one_change_at_a_time(self.run):
            canaries = Canaries(self.run, self.state, bounds)
            kept = self._keep(archive, version)
            try:
                default = self.management.default()["modelVersion"]
                expected = canaries.expected(default)
                self._load(kept.name, version, canaries, expected)
                if not beside:
                    self.management.set_default(version)
            except ServiceError as error:
                kept.unlink()
                raise self._unload_failed(version, error) from error
            if beside:
                loaded = archives_of(self.management)
                archives = tuple(with_first(loaded, default))
                self.run.record(replace(self.run.changes(), archives=archives))
            else:
                self._retire(default, version)
            return version

    def roll_back(self, bounds: Bounds) -> str:
        """Make the version that was replaced last the default again. Raises ServiceError."""
        with one_change_at_a_time(self.run):
            previous = self.run.changes().previous
            if previous is None:
                raise ServiceError("no_previous", "There is no rollout to undo")
            version = model_of(self.run.model_store / previous).version
            try:
                default = self.management.default()["modelVersion"]
                # It need not answer as the one that is taken back; it has to answer.
                self._load(previous, version, Canaries(self.run, self.state, bounds), None)
                self.management.set_default(version)
            except ServiceError as error:
                raise self._unload_failed(version, error) from error
            self._retire(default, version)
            return version

    def _keep(self, archive: Path, version: str) -> Path:
        """A copy in the model store, under a name that is its version's alone."""
        loaded = archives_of(self.management)
        if version in loaded:
            raise ServiceError(
                "version_exists",
                f"Version {version} is already loaded. Build the archive with another version: "
                "make archive VERSION=1.1",
            )
        kept = self.run.model_store / f"{self.state.model}-{version}.mar"
        if kept.name in loaded.values() or kept.name == self.run.changes().previous:
            raise ServiceError(
                "version_exists", f"{kept.name} is already in the model store; use rollback"
            )
        partial = kept.with_suffix(".partial")
        shutil.copyfile(archive, partial)
        return partial.replace(kept)

    def _load(
        self, archive: str, version: str, canaries: Canaries, expected: Sequence[int] | None
    ) -> None:
        """Beside what serves, with as many workers; and try it."""
        self.management.register(archive, len(self.management.default()["workers"]))
        canaries.try_out(version, expected)

    def _unload_failed(self, version: str, error: ServiceError) -> ServiceError:
        """Returns the error, with what it leaves."""
        try:
            if version in archives_of(self.management):
                self.management.unregister(version)
        except ServiceError as failure:
            # TorchServe is gone: it comes back without this version.
            if failure.type != "unreachable":
                raise
        return ServiceError(error.type, f"{error}. The previous version keeps serving")

    def _retire(self, old: str, new: str) -> None:
        """Unload a version that is the default no more, when it has answered its requests."""
        loaded = archives_of(self.management)
        workers = len(self._version(new)["workers"])
        changes = Changes(workers, tuple(with_first(loaded, new)), loaded[old])
        self.run.record(changes)
        self._drain(old)
        del loaded[old]
        changes = replace(changes, archives=tuple(with_first(loaded, new)))
        self.run.record(changes)
        try:
            self.management.unregister(old)
        except ServiceError as error:
            # TorchServe is gone: it comes back with what is recorded.
            if error.type != "unreachable":
                raise
        for archive in self.run.model_store.glob("*.mar"):
            if archive.name not in (*changes.archives, changes.previous):
                archive.unlink()

    def _drain(self, version: str) -> None:
        """Until its requests, to which no more are added, are answered."""
        deadline = time.monotonic() + DRAIN
        while self._version(version)["jobQueueStatus"]["pendingRequests"]:
            if time.monotonic() > deadline:
                return  # the gateway asks the new version
            time.sleep(DRAIN_POLL)
        # What waits no more is at the workers; they answer this only after it.
        for _ in self._version(version)["workers"]:
            self.management.model_card(version)

    def _version(self, version: str) -> Version:
        return next(v for v in self.management.versions() if v["modelVersion"] == version)


@contextmanager
def one_change_at_a_time(run: RunDirectory) -> Iterator[None]:
    """Of what is loaded and how often. Raises ServiceError."""
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


def set_default(run: RunDirectory, version: str) -> None:
    """Make a loaded version the default. Raises ServiceError."""
    management = Management.of(run)
    with one_change_at_a_time(run):
        loaded = archives_of(management)
        if version not in loaded:
            raise ServiceError(
                "no_version",
                f"There is no version {version}; loaded: {', '.join(sorted(loaded))}",
            )
        management.set_default(version)
        run.record(replace(run.changes(), archives=tuple(with_first(loaded, version))))


def archives_of(management: Management) -> dict[str, str]:
    """The archive of each loaded version."""
    return {v["modelVersion"]: Path(v["modelUrl"]).name for v in management.versions()}


def with_first(loaded: dict[str, str], version: str) -> list[str]:
    """The archives, that of `version` first: TorchServe makes the first the default."""
    return [loaded[version], *(name for other, name in loaded.items() if other != version)]
