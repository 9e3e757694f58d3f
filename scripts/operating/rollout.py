"""Which version is served, changed without a request lost.

A new version is loaded beside the others and has to prove itself on canary pictures. Up to there
nothing is recorded, so whatever ends the command, it is unloaded again; then the new state is
recorded, and from there on it comes about (scripts/operating/change.py). docs/operations.md has the
table of states and moves.
"""

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from client.errors import ServiceError
from scripts.operating.canaries import Bounds, Canaries
from scripts.operating.change import archive_of, archives_of, change
from scripts.serving.archives import model_of
from scripts.serving.management import Management, running
from scripts.serving.run_directory import Changes, RunDirectory

NOT_UNPACKED = "Failed to save model"  # TorchServe's words, mostly for a full disk


class Rollout:
    def __init__(self, run: RunDirectory) -> None:
        """Raises ServiceError where no archive can be rolled out."""
        self.run = run
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
        canaries = Canaries(self.run, self.state, bounds)
        with change(self.run) as management:
            kept = self._keep(archive, version, management, beside)
            expected = canaries.expected(management.default()["modelVersion"])
            self._try(kept, version, management, canaries, expected)
            before = self.run.changes()
            if beside:
                self.run.record(replace(before, archives=(*before.archives, kept)))
            else:
                self.run.record(promoted(before, kept, management))
        return version

    def roll_back(self, bounds: Bounds) -> str:
        """Make the version that was the default before the default again. Raises ServiceError."""
        canaries = Canaries(self.run, self.state, bounds)
        with change(self.run) as management:
            before = self.run.changes()
            if before.previous is None:
                raise ServiceError("no_previous", "There is no rollout to undo")
            version = model_of(self.run.model_store / before.previous).version
            if archives_of(management).get(version, before.previous) != before.previous:
                raise ServiceError(
                    "version_exists",
                    f"Another archive is loaded as version {version}. Unload it first: "
                    f"make unload VERSION={version}",
                )
            # It need not answer as the one that is taken back; it has to answer.
            self._try(before.previous, version, management, canaries, None)
            stays = before.previous in before.archives  # then only the default was changed
            self.run.record(promoted(before, before.previous, management, stays))
        return version

    def _keep(self, archive: Path, version: str, management: Management, beside: bool) -> str:
        """The name of its copy in the model store, which is there already where it is loaded."""
        store, loaded = self.run.model_store, archives_of(management)
        if kept := loaded.get(version):
            if not filecmp.cmp(archive, store / kept, shallow=False):
                raise ServiceError(
                    "version_exists",
                    f"Another archive is already loaded as version {version}. Build this one "
                    "with a version that is not loaded (make versions)",
                )
            if beside or kept == self.run.changes().archives[0]:
                raise ServiceError("version_exists", f"Version {version} is already loaded")
            return kept
        stem = f"{self.state.model}-{version}"
        names = (f"{stem}-{n}.mar" if n else f"{stem}.mar" for n in count())
        kept = next(name for name in names if not (store / name).exists())
        shutil.copyfile(archive, store / kept)
        return kept

    def _try(
        self,
        archive: str,
        version: str,
        management: Management,
        canaries: Canaries,
        expected: Sequence[int] | None,
    ) -> None:
        """Load it, where it is not, with as many workers as serve; ask it about the canaries."""
        default = management.default()
        try:
            if version not in archives_of(management):
                management.register(archive, version, len(default["workers"]))
            canaries.try_out(version, expected)
        except ServiceError as error:
            sentence = str(error).rstrip(".")
            if sentence.startswith(NOT_UNPACKED):
                sentence = f"TorchServe found no room to unpack {archive} in {self.run.scratch}"
                for rest in self.run.scratch.glob("*/models*.download"):  # it leaves what it has
                    shutil.rmtree(rest, ignore_errors=True)
            error.args = (f"{sentence}. Version {default['modelVersion']} keeps serving",)
            raise


def set_default(run: RunDirectory, version: str) -> bool:
    """Make a loaded version the default; the one that was stays loaded. Raises ServiceError.

    Returns whether it was another one.
    """
    with change(run) as management:
        archive = _loaded(run, management, version)
        before = run.changes()
        if archive == before.archives[0]:
            return False
        run.record(promoted(before, archive, management, stays=True))
        return True


def unload(run: RunDirectory, version: str) -> None:
    """A version that is not the default. Raises ServiceError."""
    with change(run) as management:
        archive = _loaded(run, management, version)
        before = run.changes()
        if archive == before.archives[0]:
            raise ServiceError(
                "is_default",
                f"Version {version} is the default: roll out another, or make one the default "
                "that is loaded (make versions)",
            )
        others = tuple(other for other in before.archives if other != archive)
        run.record(replace(before, archives=others))


def scale(run: RunDirectory, workers: int) -> None:
    """So many for the default version, now and after a restart. Raises ServiceError."""
    with change(run) as management:
        had = len(management.default()["workers"])
        before = replace(run.changes(), workers=had)
        run.record(replace(before, workers=workers))
        try:
            management.scale(workers)
        except ServiceError:
            run.record(before)
            raise


def promoted(before: Changes, archive: str, management: Management, stays: bool = False) -> Changes:
    """With `archive` as the default. stays: the one that was remains loaded.

    One that TorchServe has not loaded is forgotten.
    """
    old = before.archives[0]
    was_loaded = old in archives_of(management).values()
    stays = stays and was_loaded
    others = [one for one in before.archives if one != archive and (stays or one != old)]
    workers = len(management.default()["workers"])
    previous = old if was_loaded else None
    return replace(before, archives=(archive, *others), previous=previous, workers=workers)


def _loaded(run: RunDirectory, management: Management, version: str) -> str:
    """The archive of a loaded version. Raises ServiceError where it is not loaded."""
    loaded = archives_of(management)
    if version in loaded:
        return loaded[version]
    previous = run.changes().previous
    if previous and model_of(run.model_store / previous).version == version:
        way = "it was the default before, and make rollback brings it back"
    else:
        way = f"loaded: {', '.join(sorted(loaded))}"
    raise ServiceError("no_version", f"Version {version} is not loaded; {way}")


@dataclass(frozen=True)
class Row:
    version: str
    state: str  # default, loaded, unloaded, unrecorded
    archive: str
    before: bool  # a rollback would restore it


def versions(run: RunDirectory) -> list[Row]:
    """Those that are loaded, then the one that a rollback would load. Raises ServiceError."""
    management, changes = Management.of(run), run.changes()
    default, previous = management.default()["modelVersion"], changes.previous
    rows = []
    for one in management.versions():
        version, archive = one["modelVersion"], archive_of(one)
        state = "loaded" if archive in changes.archives else "unrecorded"
        state = "default" if version == default else state
        rows.append(Row(version, state, archive, archive == previous))
    if previous and not any(row.before for row in rows):
        version = model_of(run.model_store / previous).version
        rows.append(Row(version, "unloaded", previous, True))
    return rows
