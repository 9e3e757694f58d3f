"""The command as users give it, and what it teaches without a picture."""

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from handler.engines.engine import Floats
from scripts import ROOT
from scripts.evaluating import record
from scripts.evaluating.record import Record
from scripts.teaching import lesson
from scripts.teaching.examples import Examples
from scripts.teaching.teach import main


def teach(store: Path, *options: str) -> int:
    """In this process; the archive, and that of the network it starts from, lie in `store`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "MODEL_STORE", store)
        return main(options)


def report(store: Path, name: str = "three", stem: str = "report") -> Record:
    return record.read(store / name / f"{stem}.json")


def labels(archive: Path) -> list[str]:
    text = zipfile.ZipFile(archive).read("labels.tsv").decode()
    return [line.split("\t")[0] for line in text.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], status: int) -> str:
    """Its sentence."""
    assert status == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


def teaching(store: Path, *options: str, before: str = "") -> subprocess.Popen[str]:
    """The same in a process of its own. before: a statement."""
    code = (
        "from pathlib import Path\n"
        "from scripts.teaching import lesson\n"
        f"lesson.MODEL_STORE = Path({str(store)!r})\n"
        f"{before}\n"
        "from scripts.teaching.teach import main\n"
        f"raise SystemExit(main({options!r}))"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def examples(counts: Mapping[str, int], features: Floats | None = None, seed: int = 0) -> Examples:
    """Of pictures that nobody took: the classes lie apart from each other."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), list(counts.values()))
    number = len(labels)
    if features is None:
        centres = generator.random((len(counts), 16))
        features = (centres[labels] + generator.normal(0, 0.1, (number, 16))).astype(np.float32)
    own = generator.dirichlet(np.ones(5), number).astype(np.float32)
    names = list(counts)
    paths = tuple(Path(names[label]) / f"{i}.jpg" for i, label in enumerate(labels.tolist()))
    digests = tuple(f"{seed}-{i}" for i in range(number))
    return Examples(tuple(names), paths, digests, labels, features, own)
