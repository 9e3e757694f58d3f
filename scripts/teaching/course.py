"""The steps of teaching: look, learn, judge, pack, report."""

import fcntl
import os
import platform
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as version_of
from pathlib import Path

from scripts.evaluating import figures
from scripts.evaluating.model import Model
from scripts.evaluating.report import write
from scripts.evaluating.summary import summary
from scripts.packaging.archive import check_room
from scripts.serving import variables
from scripts.serving.archives import model_of
from scripts.teaching import classifier, packing
from scripts.teaching.corrections import compared, record_before
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
from scripts.teaching.material import look
from scripts.teaching.offer import offer

LOCK = ".lock"


class Busy(Exception):
    """The same model is being taught by another run."""


def teach(lesson: Lesson) -> None:
    """Raises NotLabelled, TooFew, BadArchive, Busy, ServiceError, OSError or ValueError."""
    began = time.monotonic()
    lesson.folder.mkdir(parents=True, exist_ok=True)
    with alone(lesson.folder):
        check_room(lesson.base.stat().st_size, lesson.archive.parent)
        version = lesson.version or next_version(lesson.archive)
        with tempfile.TemporaryDirectory(prefix="pictures-") as scratch:
            material = look(lesson, Path(scratch), began)
            named = labels(lesson, material.examples.classes)
            for finding in material.findings:
                print(f"- {finding}", flush=True)
            best, tried = learn(material)
            print("judge, and write the archive", flush=True)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # seconds, after which there is something
            judgement, familiar = judge(material, best)
            print("", *summary(judgement.results), "", sep="\n", flush=True)
            tell_if_nothing_was_learnt(judgement)
            verdict = compared(record_before(lesson.folder), judgement.results, lesson.renamed)
            if verdict:
                print(f"{verdict.sentence}\n", flush=True)
            is_kept_apart = bool(lesson.corrections and verdict and verdict.is_worse)
            output = lesson.archive
            if is_kept_apart:
                output = lesson.folder / f"{lesson.name}-{version}.mar"
            content = packing.Content(
                str(lesson.name),
                version,
                named,
                taught(best, familiar),
                evaluation_of(judgement),
                packing.samples_of(judgement.results),
            )
            packing.write(content, lesson.base, output)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print(f"archive: {output} ({output.stat().st_size / 1e6:.1f} MB)", flush=True)
            print("write the report; Ctrl-C leaves it out", flush=True)
            try:
                repeat = how(lesson, began)
                report = report_of(
                    lesson, content, material, best, tried, judgement, verdict, repeat
                )
                stem = f"report-{version}" if is_kept_apart else "report"
                with Model(output) as model:
                    write(report, lesson.folder, stem, model.look)
                print(f"report: {lesson.folder / stem}.html")
            except KeyboardInterrupt:
                print("\nStopped: the archive is whole, but has no report of its own", flush=True)
        print(offer(output, is_kept_apart))


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
        yield
    finally:
        if os.listdir(folder) == [LOCK]:  # noqa: PTH208 - nothing came of it
            shutil.rmtree(folder)
        os.close(descriptor)


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
