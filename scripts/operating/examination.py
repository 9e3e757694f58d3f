"""A new version examined on pictures whose class is known, beside the one that is served.

Two shares of right answers differ by chance alone where few pictures differ: so the versions are
compared on the same pictures, by McNemar's exact test.
"""

import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from client.errors import ServiceError
from handler.errors import EmptyBody, TooMuch, Unsupported, Unusable
from handler.labels import Label, read_labels
from scripts.evaluating import figures
from scripts.evaluating.labelled import Labelled, NotLabelled, read
from scripts.evaluating.matching import known, matched
from scripts.evaluating.phrases import counted, listed
from scripts.operating.canaries import Candidate

AT_ONCE = 4  # pictures: clients' requests are served meanwhile
# What is wrong with a picture, and not with who was asked about it.
UNREADABLE = {kind.type for kind in (EmptyBody, TooMuch, Unsupported, Unusable)}


@dataclass(frozen=True)
class Required:
    """What a new version has to reach; in any case it must not be worse than what is served."""

    labelled: Path
    accuracy: float = 0.0
    better: bool = False  # than what is served, by more than chance


class Marks(NamedTuple):
    """What a version got right."""

    version: str
    right: Sequence[bool | None]  # of each picture; None: it could not read it


Examined = tuple[Path, Candidate]  # an archive, and the version that it was loaded as


class Examination:
    def __init__(self, required: Required, scratch: Path) -> None:
        """scratch: see `labelled.read`. Raises ServiceError where there are no such pictures."""
        self._required = required
        self._labelled = _labelled(required.labelled, scratch)
        self.verdict = ""  # of the last one that passed, in a sentence

    def examine(self, new: Examined, served: Examined | None) -> None:
        """Raises ServiceError where the new one is not what is required.

        served: None where there is nothing to compare with.
        """
        archive, candidate = new
        try:
            ids = matched(self._labelled, _labels(archive))
        except NotLabelled as error:
            raise ServiceError("bad_labelled", str(error)) from error
        marks = self._asked(candidate, ids)
        before = None
        if served:
            archive, candidate = served
            before = self._asked(candidate, known(self._labelled, _labels(archive)))
        files = [picture.path for picture in self._labelled.pictures]
        self.verdict = judged(self._required, files, marks, before)

    def _asked(self, candidate: Candidate, ids: dict[str, int]) -> Marks:
        """A class that it has not, it never gets right."""

        def ask(i: int) -> bool | None:
            picture = self._labelled.pictures[i]
            try:
                best = candidate.best(picture.path.read_bytes())
            except ServiceError as error:
                if error.type in UNREADABLE:
                    return None
                raise
            return best["class_id"] == ids.get(picture.label)

        words = f"ask version {candidate.version}"
        return Marks(candidate.version, _in_parallel(ask, len(self._labelled.pictures), words))


def judged(required: Required, files: Sequence[Path], new: Marks, before: Marks | None) -> str:
    """What was found, where it is what is required. Raises ServiceError where it is not."""
    others = before.right if before else new.right
    readable = [i for i, marks in enumerate(zip(new.right, others, strict=True)) if any_read(marks)]
    count = len(readable)
    if not count:
        raise ServiceError("bad_labelled", f"No picture of {required.labelled} can be read")
    right = sum(bool(new.right[i]) for i in readable)
    low, high = figures.interval(right, count)
    found = (
        f"Of {counted(count, 'labelled picture')} version {new.version} gets {right:,} right "
        f"(accuracy {right / count:.3f}, 95 %: {low:.3f} to {high:.3f})"
    )
    if right / count < required.accuracy:
        wrong = listed(files[i].name for i in readable if not new.right[i])
        raise ServiceError(
            "not_accurate", f"{found}; {required.accuracy:g} is required. Wrong: {wrong}"
        )
    if before is None:
        return found
    lost = [files[i].name for i in readable if before.right[i] and not new.right[i]]
    won = sum(bool(new.right[i]) and not before.right[i] for i in readable)
    p = figures.mcnemar(len(lost), won)
    found = (
        f"{found}, and version {before.version} {right - won + len(lost):,}; right only now: "
        f"{won}, only before: {len(lost)} (McNemar's exact p = {p:.2g})"
    )
    by_which = f". Wrong only now: {listed(lost)}" if lost else ""
    if p < figures.SIGNIFICANT and won < len(lost):
        raise ServiceError("worse", f"{found}: it is worse{by_which}")
    if required.better and not (p < figures.SIGNIFICANT and won > len(lost)):
        raise ServiceError("not_better", f"{found}: it is not surely better{by_which}")
    return found


def any_read(marks: Sequence[bool | None]) -> bool:
    return any(mark is not None for mark in marks)


def _labelled(path: Path, scratch: Path) -> Labelled:
    try:
        labelled = read(path, least_classes=1, scratch=scratch)
        if labelled.validation:  # the model was taught with the other
            labelled = read(labelled.validation, least_classes=1)
    except NotLabelled as error:
        raise ServiceError("bad_labelled", str(error)) from error
    return labelled


def _labels(archive: Path) -> list[Label]:
    """Raises ServiceError where it is none of ours."""
    try:
        return read_labels(zipfile.Path(archive, "labels.tsv"))
    except (KeyError, FileNotFoundError, ValueError) as error:
        raise ServiceError("no_labels", f"{archive} names no classes: {error}") from error


def _in_parallel(ask: Callable[[int], bool | None], count: int, words: str) -> list[bool | None]:
    """Each answer, in order. What is raised, by one of them or by Ctrl-C, ends it at once."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        answers = pool.map(ask, range(count))
        return list(tqdm(answers, words, count, unit="picture", disable=None))
    finally:
        pool.shutdown(cancel_futures=True)
