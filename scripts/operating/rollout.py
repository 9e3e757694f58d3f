"""Another archive in the place of the one that is served, without a request lost.

The new version is loaded beside the old one and has to prove itself on canary pictures before it
becomes the default; until then, and whenever something fails, the old one serves.
"""

import fcntl
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from client.classifier import Classifier, Management, ServiceError
from handler.ranking import Item
from scripts import SAMPLES
from scripts.serving.run_directory import Changes, RunDirectory

DRAIN_TIMEOUT = 30.0  # seconds; what is not answered by then, the gateway asks the new version


@dataclass(frozen=True)
class Bounds:
    """What a new version has to keep to on the canary pictures."""

    pictures: Path = SAMPLES
    expected: Path | None = None  # lines of classify.py --json; None: what the old version answers
    agreement: float = 0.8  # share of the pictures with the expected best class
    latency: float = 1.0  # seconds, of the slowest answer


class Rollout:
    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.management = Management.of(run)
        if not run.state()["settings"]["model_api"]:
            raise ServiceError(
                "no_model_api",
                "This service takes no other archives while it runs. To let it: "
                "make stop; make start MODEL_API=1 (README.md says what that opens)",
            )

    def roll_out(self, archive: Path, bounds: Bounds, beside: bool = False) -> str:
        """Make `archive` the default version. Returns its version; raises ServiceError.

        beside: only load it, for those who name its version.
        """
        version = version_of(archive)
        with alone(self.run):
            loaded = archives_of(self.management)
            if version in loaded:
                raise ServiceError(
                    "version_exists",
                    f"Version {version} is loaded already. Build the archive with another: "
                    "make archive VERSION=1.1",
                )
            expected = self._expected(bounds)
            kept = self.run.model_store / f"resnet18-{version}.mar"
            if kept.name in loaded.values() or kept.name == self.run.changes().previous:
                raise ServiceError(
                    "version_exists", f"{kept.name} is in the model store already; use rollback"
                )
            partial = kept.with_suffix(".partial")
            shutil.copyfile(archive, partial)
            partial.replace(kept)
            try:
                old = self._introduce(kept.name, version, bounds, expected)
                if not beside:
                    self.management.set_default(version)
            except ServiceError as error:
                kept.unlink()
                raise self._refused(version, error) from error
            if beside:
                loaded = archives_of(self.management)
                archives = tuple(loaded_first(loaded, old))
                self.run.record(replace(self.run.changes(), archives=archives))
            else:
                self._retire(old, version)
            return version

    def roll_back(self, bounds: Bounds) -> str:
        """Make the version that was replaced last the default again. Raises ServiceError."""
        with alone(self.run):
            previous = self.run.changes().previous
            if previous is None:
                raise ServiceError("no_previous", "Nothing was rolled out that could be taken back")
            version = version_of(self.run.model_store / previous)
            try:
                # It need not answer as the one that is taken back; it has to answer.
                old = self._introduce(previous, version, bounds, None)
                self.management.set_default(version)
            except ServiceError as error:
                raise self._refused(version, error) from error
            self._retire(old, version)
            return version

    def _introduce(
        self, archive: str, version: str, bounds: Bounds, expected: Sequence[int] | None
    ) -> str:
        """Load an archive beside what serves, and try it. Returns the default version."""
        default = self.management.default_version()
        self.management.register(archive, len(self._version(default)["workers"]))
        self._try_out(version, bounds, expected)
        return default

    def _refused(self, version: str, error: ServiceError) -> ServiceError:
        """Unload a version that failed; the error with what that leaves."""
        try:
            if version in archives_of(self.management):
                self.management.unregister(version)
        except ServiceError as failure:
            # TorchServe is gone: it comes back without this version.
            if failure.type != "unreachable":
                raise
        return ServiceError(error.type, f"{error}. What served before goes on serving")

    def _retire(self, old: str, new: str) -> None:
        """Unload a version that is the default no more, when it has answered its requests."""
        loaded = archives_of(self.management)
        changes = Changes(
            len(self._version(new)["workers"]), tuple(loaded_first(loaded, new)), loaded[old]
        )
        self.run.record(changes)
        self._drain(old)
        del loaded[old]
        changes = replace(changes, archives=tuple(loaded_first(loaded, new)))
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

    def _try_out(self, version: str, bounds: Bounds, expected: Sequence[int] | None) -> None:
        pictures = canaries(bounds.pictures)
        answers, slowest = self._answers(version, pictures)
        if slowest > bounds.latency:
            raise ServiceError(
                "too_slow",
                f"Version {version} took up to {slowest:.2f} s for a picture; "
                f"{bounds.latency:g} s are allowed",
            )
        if expected is None:
            return
        same = sum(a == b for a, b in zip(answers, expected, strict=True))
        if same < bounds.agreement * len(pictures):
            raise ServiceError(
                "wrong_answers",
                f"Version {version} gives the expected best class on {same} of "
                f"{len(pictures)} canary pictures; {bounds.agreement:.0%} are needed",
            )

    def _answers(self, version: str, pictures: Sequence[Path]) -> tuple[list[int], float]:
        """The best class of each picture, and the seconds that the slowest took."""
        # Past the gateway: who rolls out need not know the access key.
        classifier = Classifier(
            self.run.state()["inference"],
            access_key=self.run.key("inference"),
            version=version,
            timeout=60,
        )
        best, slowest = [], 0.0
        for picture in pictures:
            started = time.monotonic()
            [item] = classifier.classify(picture.read_bytes(), 1)
            slowest = max(slowest, time.monotonic() - started)
            best.append(item["class_id"])
        return best, slowest

    def _expected(self, bounds: Bounds) -> list[int]:
        pictures = canaries(bounds.pictures)
        if bounds.expected is None:
            return self._answers(self.management.default_version(), pictures)[0]
        answers = read_answers(bounds.expected)
        missing = [picture.name for picture in pictures if picture.name not in answers]
        if missing:
            raise ServiceError(
                "bad_expected", f"{bounds.expected} says nothing of {', '.join(missing)}"
            )
        return [answers[picture.name][0]["class_id"] for picture in pictures]

    def _drain(self, version: str) -> None:
        """Until its requests, to which no more are added, are answered."""
        deadline = time.monotonic() + DRAIN_TIMEOUT
        while self._version(version)["jobQueueStatus"]["pendingRequests"]:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)
        # What waits no more is at the workers; they answer this only after it.
        for _ in self._version(version)["workers"]:
            self.management.model_card(version)

    def _version(self, version: str) -> dict[str, Any]:
        return next(v for v in self.management.versions() if v["modelVersion"] == version)


@contextmanager
def alone(run: RunDirectory) -> Iterator[None]:
    """One change of what is loaded at a time. Raises ServiceError."""
    descriptor = os.open(run.path / "rollout.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError("busy", "Another rollout is at work; wait for its end") from None
        yield
    finally:
        os.close(descriptor)


def set_default(run: RunDirectory, version: str) -> None:
    """Make a loaded version the default. Raises ServiceError."""
    management = Management.of(run)
    with alone(run):
        loaded = archives_of(management)
        if version not in loaded:
            raise ServiceError(
                "no_version",
                f"There is no version {version}; there is {', '.join(sorted(loaded))}",
            )
        management.set_default(version)
        run.record(replace(run.changes(), archives=tuple(loaded_first(loaded, version))))


def archives_of(management: Management) -> dict[str, str]:
    """The archive of each loaded version."""
    return {v["modelVersion"]: Path(v["modelUrl"]).name for v in management.versions()}


def loaded_first(loaded: dict[str, str], version: str) -> list[str]:
    """The archives, that of `version` first: TorchServe makes the first the default."""
    return [loaded[version], *(name for other, name in loaded.items() if other != version)]


def version_of(archive: Path) -> str:
    """The version that an archive has. Raises ServiceError where it is none."""
    try:
        with zipfile.ZipFile(archive) as contents:
            manifest = json.loads(contents.read("MAR-INF/MANIFEST.json"))
        return str(manifest["model"]["modelVersion"])
    except FileNotFoundError:
        raise ServiceError("no_archive", f"There is no {archive}") from None
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ServiceError(
            "no_archive", f"{archive} is not a TorchServe archive. Build one: make archive"
        ) from error


def canaries(folder: Path) -> list[Path]:
    pictures = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".png"))
    if not pictures:
        raise ServiceError("no_canaries", f"There are no JPEGs or PNGs in {folder}")
    return pictures


def read_answers(path: Path) -> dict[str, list[Item]]:
    """The items of each file, by name, from lines that classify.py --json wrote."""
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return {Path(line["file"]).name: line["items"] for line in lines if "items" in line}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            "bad_expected",
            f"{path} can't be read as answers. Write them: "
            "scripts/classify.py --json FOLDER > answers.jsonl",
        ) from error
