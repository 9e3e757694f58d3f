"""Judge a model on pictures whose class is known: a table here, a report with pictures beside the
archive.

The model is that of ARCHIVE, or else the version of NAME that the running service serves, or else
what was built last. An option that is not given is read from the environment variable of its name
(--data: DATA). Exit status: 0 when it was judged, whatever it is worth; 1 where it can't be.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from client.errors import ServiceError
from scripts.evaluating import figures, matching
from scripts.evaluating.labelled import Labelled, NotLabelled, Skipped, read
from scripts.evaluating.model import Answers, BadArchive, Model
from scripts.evaluating.phrases import counted
from scripts.evaluating.report import Report, record_of, write
from scripts.evaluating.summary import summary
from scripts.serving.archives import MODEL_STORE, model_of
from scripts.serving.archives import Model as Described
from scripts.serving.run_directory import DEFAULT, RunDirectory

DEFAULT_NAME = "resnet18"
STEM = "evaluation"  # of the report's files
MOST_TOLD = 10  # files that were left out


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        if options.data is None:
            raise NotLabelled("Which pictures? make evaluate DATA=folder")
        with tempfile.TemporaryDirectory(prefix="pictures-") as scratch:
            evaluate(options, Path(scratch))
    except (BadArchive, NotLabelled, ServiceError) as error:
        return _refused(str(error))
    except BrokenPipeError:  # who reads, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        return _refused(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print("\nevaluate: stopped; no report was written", file=sys.stderr)
        return 130
    return 0


def evaluate(options: argparse.Namespace, scratch: Path) -> None:
    """Raises BadArchive, NotLabelled, ServiceError, OSError."""
    labelled = to_judge_with(options.data, scratch)
    archive = the_archive(options)
    described = model_of(archive)
    with Model(archive) as model:
        ids = matching.matched(labelled, model.labels)
        answers = model.classify([picture.path for picture in labelled.pictures])
        if not answers.read:
            first = answers.unreadable[0]
            raise NotLabelled(f"None of the pictures can be read. {first.path} {first.reason}")
        report = report_of(described, archive, model, labelled, answers, ids)
        folder = options.output or MODEL_STORE / described.name
        write(report, folder, STEM, model.look)
    if options.json:
        print(json.dumps(record_of(report), ensure_ascii=False))
        return
    print(f"{described.name} {described.version} ({report.precision}) of {archive}")
    print(*report.findings, "", *summary(report.results), sep="\n")
    if report.rejected:
        share, count = report.rejected
        low, high = figures.interval(round(share * count), count)
        print(f"\nJudged to be none of these: {share:.3f} (95 %: {low:.3f} to {high:.3f})")
    print(f"\nreport: {folder / STEM}.html")


def to_judge_with(data: Path, scratch: Path) -> Labelled:
    """Of a folder with splits that for validation: the model was taught with the other."""
    labelled = read(data, least_classes=1, scratch=scratch)
    if not labelled.validation:
        return labelled
    held_out = read(labelled.validation, least_classes=1)
    held_out.notes.insert(0, f"{data} holds splits: judged with {labelled.validation.name}.")
    return held_out


def the_archive(options: argparse.Namespace) -> Path:
    """Raises ServiceError where the service has no such model."""
    if options.archive:
        return Path(options.archive)
    served = _served(RunDirectory(options.run_directory.resolve()), options.name)
    return served or options.built or MODEL_STORE / f"{options.name or DEFAULT_NAME}.mar"


def _served(run: RunDirectory, name: str | None) -> Path | None:
    """The archive of a model's default version, where a service runs that has it; name: None: of
    the model that is asked where none is named."""
    state = run.running_state()
    wanted = run.changes().models.get(name or state.model) if state else None
    return run.model_store / wanted.archives[0] if wanted else None


def report_of(
    described: Described,
    archive: Path,
    model: Model,
    labelled: Labelled,
    answers: Answers,
    ids: dict[str, int],
) -> Report:
    results = matching.results(labelled, ids, answers, model.labels)
    return Report(
        name=described.name,
        version=described.version,
        precision=model.card["precision"],
        results=results,
        held_out="all that were given; whether it was taught with some of them is not known",
        majority=figures.majority(results)[1],
        nearest_mean=None,
        rejected=_rejected(model, answers),
        findings=[
            *labelled.notes,
            *_told("left out", labelled.skipped),
            *_told("unreadable", answers.unreadable),
        ],
        repeat={"archive": archive.name, "weights": model.card["weights"]["sha256"]},
    )


def _rejected(model: Model, answers: Answers) -> tuple[float, int] | None:
    """The share of the pictures that are judged to be of none of the classes, and their number."""
    known = model.card.get("none_of_these")
    if known is None or answers.none_of_these is None:
        return None
    return float((answers.none_of_these >= known["threshold"]).mean()), len(answers.read)


def _told(what: str, files: Sequence[Skipped]) -> list[str]:
    """How many there are, and why the first are."""
    told = [f"{one.path} {one.reason}" for one in files[:MOST_TOLD]]
    return [f"{counted(len(files), 'file')} {what}:", *told] if files else []


def _refused(sentence: str) -> int:
    print(f"evaluate: {sentence}", file=sys.stderr)
    return 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    given = os.environ
    parser.add_argument(
        "--data",
        type=Path,
        default=given.get("DATA") or None,
        help="folder with a folder for each class, or a CSV, or a zip of such folders",
    )
    parser.add_argument("--name", default=given.get("NAME"), help="of the model (resnet18)")
    parser.add_argument(
        "--archive", type=Path, default=given.get("ARCHIVE") or None, help="file to judge"
    )
    parser.add_argument("--built", type=Path, help="where the service has no such model")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="for the report (model_store/NAME)"
    )
    parser.add_argument("--json", action="store_true", help="the report's JSON in place of a table")
    parser.add_argument("--run-directory", type=Path, default=DEFAULT, help="default: %(default)s")
    return parser.parse_args(arguments)
