"""The bare processor: decode, resize and classify in a loop, with no server around it.

Pillow and the archive's own engine, in one process per core, each with one thread: what a program
with the pictures in memory and nobody to answer to could reach.
"""

import io
import json
import multiprocessing
import statistics
import tempfile
import time
import zipfile
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
from PIL import Image

from handler import engines
from handler.labels import read_labels
from handler.ranking import rank
from handler.resizing import CROP, Pixels, crop_box


def pillow_input(data: bytes) -> Pixels:
    """`handler.preprocessing` with Pillow alone: uint8 [224, 224, 3]."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    box = crop_box(*image.size)
    return np.asarray(image.resize((CROP, CROP), Image.Resampling.BILINEAR, box))


class Loop:
    """Pictures to answers, a batch at a time."""

    def __init__(self, archive: Path, threads: int) -> None:
        with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(archive) as contents:
            contents.extractall(scratch)
            directory = Path(scratch)
            card = json.loads((directory / "model_card.json").read_text("utf-8"))
            self.labels = read_labels(directory / "labels.tsv")
            self.engine = engines.load(card["engine"], directory, threads)

    def classify(self, batch: Sequence[bytes]) -> list[str]:
        pictures = np.stack([pillow_input(data) for data in batch])
        probabilities, _ = self.engine.infer(pictures)
        return [json.dumps(rank(row, self.labels, 3)) for row in probabilities]


def throughput(archive: Path, pictures: Sequence[Path], seconds: float, cores: int) -> float:
    """Pictures a second of one single-threaded process a core; of batches of 1 and 8 the better."""
    return max(_throughput(archive, pictures, seconds / 2, cores, batch) for batch in (1, 8))


def _throughput(
    archive: Path, pictures: Sequence[Path], seconds: float, cores: int, batch: int
) -> float:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(cores)
    with spawn.Pool(cores, _set_up, (archive, list(pictures), seconds, batch, ready)) as pool:
        return sum(pool.map(_work, range(cores), chunksize=1))


def _set_up(
    archive: Path, pictures: list[Path], seconds: float, batch: int, ready: Barrier
) -> None:
    global _task
    _task = (Loop(archive, 1), [path.read_bytes() for path in pictures], seconds, batch, ready)


def _work(number: int) -> float:
    loop, pictures, seconds, batch, ready = _task
    loop.classify(pictures[:batch])
    ready.wait(60)
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        first = number * 17 + done
        loop.classify([pictures[(first + i) % len(pictures)] for i in range(batch)])
        done += batch
    return done / elapsed


def lone(archive: Path, pictures: Sequence[Path], seconds: float, cores: int) -> float:
    """Median milliseconds for one picture after the other, the engine on all cores."""
    loop = Loop(archive, cores)
    data = [path.read_bytes() for path in pictures]
    loop.classify(data[:1])
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        loop.classify([data[len(times) % len(data)]])
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)
