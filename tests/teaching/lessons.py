"""Small lessons: crops of the sample pictures, and the command as users give it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.engines.engine import Floats
from scripts import ROOT, SAMPLES
from scripts.teaching import lesson
from scripts.teaching.examples import Examples
from scripts.teaching.teach import main

SIDE = 160  # pixels


def crops(folder: Path, classes: Mapping[str, tuple[str, int]], seed: int = 0) -> Path:
    """Class folders, of so many crops of one sample picture each."""
    generator = np.random.default_rng(seed)
    for name, (sample, count) in classes.items():
        picture = Image.open(SAMPLES / f"{sample}.jpg").convert("RGB")
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            side = min(picture.size) * generator.uniform(0.4, 0.7)
            left, top = (generator.uniform(0, length - side) for length in picture.size)
            box = (left, top, left + side, top + side)
            crop = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)
            crop.save(folder / name / f"{seed}-{number}.jpg")
    return folder


def teach(store: Path, *options: str) -> int:
    """In this process; the archive, and that of the network it starts from, lie in `store`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "MODEL_STORE", store)
        return main(options)


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
