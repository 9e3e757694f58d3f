"""What is measured with: weights, archives and pictures."""

import argparse
import os
import signal
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts import ROOT, SAMPLES
from scripts.packaging.weights import resolve

PRECISIONS = ("int8", "fp32")


@dataclass(frozen=True)
class Inputs:
    weights: Path
    archives: dict[str, Path]  # by precision
    unpacked: dict[str, Path]  # their contents
    pictures: list[Path]
    cores: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=Path, default=SAMPLES)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")


@contextmanager
def prepared(options: argparse.Namespace) -> Iterator[Inputs]:
    """Of what `add_arguments` asks for. SIGTERM stops what runs meanwhile, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    archives = {name: ROOT / "model_store" / f"resnet18-{name}.mar" for name in PRECISIONS}
    missing = [str(path) for path in archives.values() if not path.is_file()]
    if missing:
        raise SystemExit(f"bench: there is no {', '.join(missing)}. Build both: make bench")
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        unpacked = {}
        for name, archive in archives.items():
            unpacked[name] = Path(scratch, name)
            with zipfile.ZipFile(archive) as contents:
                contents.extractall(unpacked[name])
        pictures = colour_jpegs(options.pictures)
        cores = len(os.sched_getaffinity(0))
        yield Inputs(resolve(options.weights), archives, unpacked, pictures, cores)


def colour_jpegs(folder: Path) -> list[Path]:
    """What every server can read: the stock handler fails on grey pictures."""
    paths = [path for path in sorted(folder.rglob("*.jpg")) if Image.open(path).mode == "RGB"]
    if not paths:
        raise SystemExit(f"bench: there is no JPEG in colour in {folder}")
    return paths
