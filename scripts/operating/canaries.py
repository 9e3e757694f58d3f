"""The pictures on which a new version has to prove itself."""

import json
import re
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from client.classifier import Classifier, Item
from client.errors import ServiceError
from client.pictures import Pictures
from scripts import SAMPLES
from scripts.serving.bounds import CANARY
from scripts.serving.run_directory import RunDirectory, State


@dataclass(frozen=True)
class Bounds:
    """What a new version has to keep to on the canary pictures."""

    pictures: Path | None = None  # a folder; None: the archive's own samples, else the page's
    expected: Path | None = None  # lines of classify.py --json; None: what the old version answers
    agreement: float = 0.8  # share of the pictures with the expected best class
    latency: float = 1.0  # seconds, of the slowest answer


class TooSlow(ServiceError):
    """seconds: that the slowest answer took."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__("too_slow", message)
        self.seconds = seconds


class Candidate:
    """A version that is loaded, asked bypassing the gateway: whoever rolls out need not know the
    access key."""

    def __init__(self, run: RunDirectory, state: State, model: str, version: str) -> None:
        self.version = version
        self._classifier = Classifier(
            state.inference,
            model,
            access_key=run.key("inference"),
            version=version,
            timeout=CANARY,
        )

    def best(self, picture: bytes) -> Item:
        """What it most likely is. Raises ServiceError."""
        try:
            [item] = self._classifier.classify(picture, 1)
        except ServiceError as error:
            if not isinstance(error.__cause__, requests.ReadTimeout):
                raise
            late = f"Version {self.version} did not answer within {CANARY:g} s"
            raise ServiceError("no_answer", late) from error
        return item


class Canaries:
    def __init__(
        self, run: RunDirectory, state: State, model: str, bounds: Bounds, archive: Path
    ) -> None:
        """archive: that has to prove itself. Raises ServiceError where there are no pictures."""
        self._run = run
        self._state = state
        self._model = model
        self._bounds = bounds
        own = samples_in(archive) if bounds.pictures is None else {}
        self._pictures = own or find_canaries(bounds.pictures or SAMPLES)

    def expected(self, version: str | None) -> list[str] | None:
        """The best class of each picture: as recorded, else as that version answers, if any."""
        if self._bounds.expected is None:
            return self._answers(version)[0] if version else None
        answers = read_answers(self._bounds.expected)
        missing = [name for name in self._pictures if name not in answers]
        if missing:
            raise ServiceError(
                "bad_expected", f"{self._bounds.expected} has no answers for {', '.join(missing)}"
            )
        return [answers[name] for name in self._pictures]

    def try_out(self, version: str, expected: Sequence[str] | None) -> None:
        """Raises ServiceError where the version is too slow or, unless None, not as expected."""
        answers, slowest = self._answers(version)
        if slowest > self._bounds.latency:
            raise TooSlow(
                f"Version {version} took up to {slowest:.2f} s for a picture; "
                f"the limit is {self._bounds.latency:g} s",
                slowest,
            )
        if expected is None:
            return
        same = sum(a == b for a, b in zip(answers, expected, strict=True))
        if same < self._bounds.agreement * len(expected):
            raise ServiceError(
                "wrong_answers",
                f"Version {version} gives the expected best class on {same} of "
                f"{len(expected)} canary pictures; {self._bounds.agreement:.0%} are required",
            )

    def _answers(self, version: str) -> tuple[list[str], float]:
        """The best class of each picture, and the seconds that the slowest took.

        By its name, which is the same where the version has further classes.
        """
        candidate = Candidate(self._run, self._state, self._model, version)
        best, slowest = [], 0.0
        for picture in self._pictures.values():
            started = time.monotonic()
            best.append(candidate.best(picture)["class"])
            slowest = max(slowest, time.monotonic() - started)
        return best, slowest


def samples_in(archive: Path) -> dict[str, bytes]:
    """By their names, those of a model that was taught. An archive of ImageNet's has none."""
    with zipfile.ZipFile(archive) as contents:
        names = [name for name in contents.namelist() if re.fullmatch(r"samples/[^/]+", name)]
        return {Path(name).name: contents.read(name) for name in names}


def find_canaries(folder: Path) -> dict[str, bytes]:
    """What classify.py finds there, by name. Raises ServiceError where that is nothing."""
    pictures = Pictures([str(folder)]).found if folder.is_dir() else []
    if not pictures:
        raise ServiceError("no_canaries", f"There are no pictures to be read in {folder}")
    return {Path(picture).name: Path(picture).read_bytes() for picture in pictures}


def read_answers(path: Path) -> dict[str, str]:
    """The best class of each file, by name, from lines that classify.py --json wrote."""
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return {
            Path(line["file"]).name: str(line["items"][0]["class"])
            for line in lines
            if "items" in line
        }
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ServiceError(
            "bad_expected",
            f"{path} can't be read as answers. Write them: "
            "scripts/classify.py --json FOLDER > answers.jsonl",
        ) from error
