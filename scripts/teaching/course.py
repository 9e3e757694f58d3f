"""The steps of teaching: look, learn, judge, pack, report."""

import fcntl
import os
import platform
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

from handler.labels import Label
from scripts.evaluating import figures
from scripts.evaluating.model import Model
from scripts.evaluating.report import write
from scripts.evaluating.summary import summary
from scripts.packaging.archive import check_room
from scripts.serving import variables
from scripts.serving.archives import model_of
from scripts.teaching import classifier, packing
from scripts.teaching.choosing import Candidate
from scripts.teaching.corrections import Verdict, compared, record_before
from scripts.teaching.judging import (
    Judgement,
    evaluation_of,
    judge,
    labels,
    learn,
    report_of,
    taught,
)
from scripts.teaching.lesson import Lesson
from scripts.teaching.material import Material, look
from scripts.teaching.offer import offer

LOCK = ".lock"


class Busy(Exception):
    """The same model is being taught by another run."""


@dataclass(frozen=True)
class Outcome:
    content: packing.Content
    judgement: Judgement
    verdict: Verdict | None  # None: there is no version before
    is_kept_apart: bool  # the one before stays in its place
    archive: Path


def teach(lesson: Lesson) -> None:
    """Raises NotLabelled, TooFew, BadArchive, Busy, ServiceError, OSError or ValueError."""
    began = time.monotonic()
    if not lesson.base.exists():
        raise ValueError(f"there is no archive {lesson.base} to start from: make teach builds it")
    lesson.folder.mkdir(parents=True, exist_ok=True)
    with alone(lesson.folder):
        check_room(lesson.base.stat().st_size, lesson.archive.parent)
        with tempfile.TemporaryDirectory(prefix="pictures-") as scratch:
            material = look(lesson, Path(scratch), began)
            named = labels(lesson, material.examples.classes)
            for finding in material.findings:
                print(f"- {finding}", flush=True)
            best, tried = learn(material)
            print("judge, and write the archive", flush=True)
            with uninterrupted():
                outcome = conclude(lesson, named, material, best)
            print("write the report; Ctrl-C leaves it out", flush=True)
            try:
                report(lesson, material, best, tried, outcome, began)
            except KeyboardInterrupt:
                print("\nStopped: the archive is whole, but has no report of its own", flush=True)
        print(offer(outcome.archive, outcome.is_kept_apart))


def conclude(
    lesson: Lesson, named: Sequence[Label], material: Material, best: Candidate
) -> Outcome:
    """Judge, compare, and write the archive."""
    version = lesson.version or next_version(lesson.archive)
    judgement, familiar = judge(material, best)
    print("", *summary(judgement.results), "", sep="\n", flush=True)
    tell_if_nothing_was_learnt(judgement)
    verdict = compared(record_before(lesson.folder), judgement.results, lesson.renamed)
    if verdict:
        print(f"{verdict.sentence}\n", flush=True)
    is_kept_apart = bool(lesson.corrections and verdict and verdict.is_worse)
    apart = lesson.folder / f"{lesson.name}-{version}.mar"
    archive = apart if is_kept_apart else lesson.archive
    content = packing.Content(
        str(lesson.name),
        version,
        named,
        taught(best, familiar),
        evaluation_of(judgement),
        packing.samples_of(judgement.results),
    )
    packing.write(content, lesson.base, archive)
    print(f"archive: {archive} ({archive.stat().st_size / 1e6:.1f} MB)", flush=True)
    return Outcome(content, judgement, verdict, is_kept_apart, archive)


def report(
    lesson: Lesson,
    material: Material,
    best: Candidate,
    tried: Sequence[Candidate],
    outcome: Outcome,
    began: float,
) -> None:
    repeat, verdict = how(lesson, began), outcome.verdict
    written = report_of(
        lesson, outcome.content, material, best, tried, outcome.judgement, verdict, repeat
    )
    stem = f"report-{outcome.content.version}" if outcome.is_kept_apart else "report"
    with Model(outcome.archive) as model:
        write(written, lesson.folder, stem, model.look)
    print(f"report: {lesson.folder / stem}.html", flush=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises Busy. The end of the process, however it ends, lets go."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"{folder.name} is being taught already; wait until that has ended"
            ) from None
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == [LOCK]:  # nothing came of it
                shutil.rmtree(folder)
    finally:
        os.close(descriptor)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C does nothing, here and in what is started: in a few seconds there is an archive."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def tell_if_nothing_was_learnt(judgement: Judgement) -> None:
    """As the report does."""
    results = judgement.results
    low, _ = figures.interval(int(results.is_right.sum()), len(results.files))
    if low <= figures.majority(results)[1]:
        print("As far as these pictures show, nothing was learnt: see the report\n", flush=True)


def next_version(archive: Path) -> str:
    """One more than the last."""
    if not archive.exists():
        return "1.0"
    last = model_of(archive).version.partition(".")[0]
    return f"{int(last) + 1}.0" if last.isdigit() else "1.0"


def how(lesson: Lesson, began: float) -> dict[str, str]:
    """What it takes to do the same again."""
    packages = ("scikit-learn", "numpy", "ncnn", "openvino", "pillow")
    return {
        "command": command_of(lesson),
        "data": str(lesson.data),
        "starts from": lesson.base.name,
        "seed": str(classifier.SEED),
        "versions": ", ".join(f"{name} {version_of(name)}" for name in packages),
        "Python": platform.python_version(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "seconds": f"{time.monotonic() - began:.0f}",
    }


def command_of(lesson: Lesson) -> str:
    given = variables.environment_of(lesson)
    return " ".join(["make teach", *(f"{name}={shlex.quote(given[name])}" for name in given)])
