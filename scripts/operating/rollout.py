"""Which version is served, changed without a request lost.

A new version is loaded beside the others and has to prove itself on canary pictures. Up to there
nothing is recorded, so whatever ends the command, it is unloaded again; then the new state is
recorded, and from there on it comes about (scripts/operating/change.py). docs/operations.md has the
table of states and moves.
"""

import filecmp
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from client.classifier import Classifier
from client.errors import ServiceError
from scripts.operating.canaries import Bounds, Canaries, Candidate
from scripts.operating.change import POLL, archive_of, archives_of, change, unload_model
from scripts.serving.archives import Model, model_of
from scripts.serving.bounds import STATUS
from scripts.serving.changes import Wanted
from scripts.serving.management import Management, running
from scripts.serving.run_directory import RunDirectory

if TYPE_CHECKING:  # numpy takes a moment to load, and most commands need none
    from scripts.operating.examination import Examination, Examined

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

    def roll_out(
        self,
        archive: Path,
        bounds: Bounds,
        beside: bool = False,
        examination: "Examination | None" = None,
    ) -> Model:
        """Make `archive` the default version of its model, which may be new to the service.

        Returns what it is; raises ServiceError. beside: only load it, for those who name its
        version. examination: that it has to pass besides.
        """
        model, version = described = model_of(archive)
        canaries = Canaries(self.run, self.state, model, bounds, archive)
        with change(self.run, model) as management:
            before = self.run.changes().models.get(model)
            if before is None:
                forget(management)
            kept = self._keep(archive, described, management, before, beside)
            default = management.default()["modelVersion"] if before else None
            expected = canaries.expected(default)

            def trial() -> None:
                canaries.try_out(version, expected)
                if examination:
                    examination.examine(
                        self._examined(model, kept),
                        self._examined(model, before.archives[0]) if before else None,
                    )

            self._try(kept, version, management, trial)
            if before is None:
                self._record(model, Wanted((kept,)))
            elif beside:
                self._record(model, replace(before, archives=(*before.archives, kept)))
            else:
                self._record(model, promoted(before, kept, management))
        if before is None:
            self._wait_for_the_gateway(model)
        return described

    def roll_back(self, model: str, bounds: Bounds) -> str:
        """Make the version that was the default before the default again. Raises ServiceError."""
        with change(self.run, model) as management:
            before = self.run.changes().models[model]
            if before.previous is None:
                raise ServiceError("no_previous", "There is no rollout to undo")
            archive = self.run.model_store / before.previous
            version = model_of(archive).version
            canaries = Canaries(self.run, self.state, model, bounds, archive)
            if archives_of(management).get(version, before.previous) != before.previous:
                raise ServiceError(
                    "version_exists",
                    f"Another archive is loaded as version {version}. Unload it first: "
                    f"make unload VERSION={version}",
                )
            # It need not answer as the one that is taken back; it has to answer.
            self._try(before.previous, version, management, lambda: canaries.try_out(version, None))
            stays = before.previous in before.archives  # then only the default was changed
            self._record(model, promoted(before, before.previous, management, stays))
        return version

    def _examined(self, model: str, archive: str) -> "Examined":
        path = self.run.model_store / archive
        return path, Candidate(self.run, self.state, model, model_of(path).version)

    def _record(self, model: str, wanted: Wanted) -> None:
        self.run.record(self.run.changes().with_model(model, wanted))

    def _wait_for_the_gateway(self, model: str) -> None:
        """Until it knows a new model. Raises ServiceError."""
        state = self.state
        client = Classifier(state.local_url, model, host=state.settings.domain, timeout=STATUS)
        deadline = time.monotonic() + STATUS
        while not client.model_is_ready():
            if time.monotonic() > deadline:
                raise ServiceError(
                    "not_ready", f"{model} is loaded, but does not answer yet. See: make status"
                )
            time.sleep(POLL)

    def _keep(
        self,
        archive: Path,
        described: Model,
        management: Management,
        before: Wanted | None,
        beside: bool,
    ) -> str:
        """The name of its copy in the model store, which is there already where it is loaded.

        before: None where the model is new.
        """
        model, version = described
        store = self.run.model_store
        if before and (kept := archives_of(management).get(version)):
            if not filecmp.cmp(archive, store / kept, shallow=False):
                raise ServiceError(
                    "version_exists",
                    f"Another archive is already loaded as version {version}. Build this one "
                    "with a version that is not loaded (make versions)",
                )
            if beside or kept == before.archives[0]:
                raise ServiceError("version_exists", f"Version {version} is already loaded")
            return kept
        names = (f"{model}-{version}-{n}.mar" if n else f"{model}-{version}.mar" for n in count())
        kept = next(name for name in names if not (store / name).exists())
        shutil.copyfile(archive, store / kept)
        return kept

    def _try(
        self,
        archive: str,
        version: str,
        management: Management,
        trial: Callable[[], None],
    ) -> None:
        """Load it, where it is not, with as many workers as serve; it has to pass the trial."""
        is_served = management.model in self.run.changes().models
        default = management.default() if is_served else None
        workers = len(default["workers"]) if default else self.state.settings.workers or 1
        try:
            if not default or version not in archives_of(management):
                management.register(archive, version, workers)
            trial()
        except ServiceError as error:
            sentence = str(error).rstrip(".")
            if sentence.startswith(NOT_UNPACKED):
                sentence = f"TorchServe found no room to unpack {archive} in {self.run.scratch}"
                for rest in self.run.scratch.glob("*/models*.download"):  # it leaves what it has
                    shutil.rmtree(rest, ignore_errors=True)
            stays = (
                f"Version {default['modelVersion']} keeps serving"
                if default
                else "It is not served"
            )
            error.args = (f"{sentence}. {stays}",)
            raise


def forget(management: Management) -> None:
    """What is left of a model that could not be loaded."""
    with suppress(ServiceError):  # mostly there is nothing
        unload_model(management)


def set_default(run: RunDirectory, model: str, version: str) -> bool:
    """Make a loaded version the default; the one that was stays loaded. Raises ServiceError.

    Returns whether it was another one.
    """
    with change(run, model) as management:
        archive = _loaded(run, management, version)
        changes = run.changes()
        before = changes.models[model]
        if archive == before.archives[0]:
            return False
        wanted = promoted(before, archive, management, stays=True)
        run.record(changes.with_model(model, wanted))
        return True


def unload(run: RunDirectory, model: str, version: str) -> None:
    """A version that is not the default. Raises ServiceError."""
    with change(run, model) as management:
        archive = _loaded(run, management, version)
        changes = run.changes()
        before = changes.models[model]
        if archive == before.archives[0]:
            raise ServiceError(
                "is_default",
                f"Version {version} is the default: roll out another, or make one the default "
                "that is loaded (make versions)",
            )
        others = tuple(other for other in before.archives if other != archive)
        run.record(changes.with_model(model, replace(before, archives=others)))


def scale(run: RunDirectory, model: str, workers: int) -> None:
    """So many for the default version, now and after a restart. Raises ServiceError."""
    with change(run, model) as management:
        had = len(management.default()["workers"])
        wanted = run.changes().models[model]
        run.record(run.changes().with_model(model, replace(wanted, workers=workers)))
        try:
            management.scale(workers)
        except ServiceError:
            run.record(run.changes().with_model(model, replace(wanted, workers=had)))
            raise


def promoted(before: Wanted, archive: str, management: Management, stays: bool = False) -> Wanted:
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
    previous = run.changes().models[management.model].previous
    if previous and model_of(run.model_store / previous).version == version:
        way = "it was the default before, and make rollback brings it back"
    else:
        way = f"loaded: {', '.join(sorted(loaded))}"
    raise ServiceError("no_version", f"Version {version} is not loaded; {way}")


@dataclass(frozen=True)
class Row:
    model: str
    version: str
    state: str  # default, loaded, unloaded, unrecorded
    archive: str
    before: bool  # a rollback would restore it


def versions(run: RunDirectory) -> list[Row]:
    """Of every model: those loaded, then the one that a rollback would. Raises ServiceError."""
    return [row for item in run.changes().models.items() for row in _versions_of(run, *item)]


def _versions_of(run: RunDirectory, model: str, wanted: Wanted) -> Iterator[Row]:
    management, previous = Management.of(run, model), wanted.previous
    default = management.default()["modelVersion"]
    is_there = False
    for one in management.versions():
        version, archive = one["modelVersion"], archive_of(one)
        state = "loaded" if archive in wanted.archives else "unrecorded"
        state = "default" if version == default else state
        is_there |= archive == previous
        yield Row(model, version, state, archive, archive == previous)
    if previous and not is_there:
        version = model_of(run.model_store / previous).version
        yield Row(model, version, "unloaded", previous, True)
