"""The bare processor: decode, resize and classify in a loop, with no server around it.

Pillow and the archive's own graph, in one process per core, each with one thread: what a program
with the pictures in memory and nobody to answer to could reach. Of the engines that give the same
answers, and of batches of 1 and 8, whichever is fastest here.
"""

import io
import itertools
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from functools import cache
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from handler import engines
from handler.labels import read_labels
from handler.preset import IMAGENET
from handler.ranking import rank
from handler.resizing import Pixels, crop_box

FILES = {"ncnn": "network.ncnn.param", "openvino": "network.xml"}  # what an engine reads
TRIAL = 0.7  # seconds for each way, twice: the first time memory is still being allocated
LOAD_LIMIT = 60  # seconds


class Way(NamedTuple):
    engine: str
    batch: int


class Speed(NamedTuple):
    throughput: float  # pictures a second
    cpu_ms: float  # a picture


def pillow_input(data: bytes) -> Pixels:
    """`handler.preprocessing` with Pillow alone: uint8 [224, 224, 3]."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    box = crop_box(*image.size)
    return np.asarray(image.resize((IMAGENET.crop, IMAGENET.crop), Image.Resampling.BILINEAR, box))


class Loop:
    """Pictures to answers, a batch at a time."""

    def __init__(self, directory: Path, threads: int, engine: str | None = None) -> None:
        """directory: an archive's contents."""
        self.labels = read_labels(directory / "labels.tsv")
        self.engine = engines.load(engine or own_engine(directory), directory, threads, IMAGENET)

    def classify(self, batch: Sequence[bytes]) -> list[str]:
        return self.answers(np.stack([pillow_input(data) for data in batch]))

    def answers(self, pictures: Pixels) -> list[str]:
        probabilities, _ = self.engine.infer(pictures)
        return [json.dumps(rank(row, self.labels, 3)) for row in probabilities]


def own_engine(directory: Path) -> str:
    return str(json.loads((directory / "model_card.json").read_text("utf-8"))["engine"])


def add_exact_engines(directory: Path, weights: Path) -> None:
    """Let an archive's contents have what every engine needs that is exact in float32."""
    if not (directory / FILES["openvino"]).exists():
        from scripts.packaging.export_openvino import export
        from scripts.packaging.reference import load_reference

        export(load_reference(weights), directory)


class Bare:
    """Processes that have their networks loaded, and wait; to be closed."""

    def __init__(self, unpacked: dict[str, Path], pictures: Sequence[Path], cores: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.unpacked, self.cores = unpacked, cores
        ready, own_cores = spawn.Barrier(cores), spawn.SimpleQueue()
        for core in os.sched_getaffinity(0):
            own_cores.put({core})
        # An engine looks at the cores that it may have as it is loaded, and keeps to them.
        self.one_a_core = spawn.Pool(cores, _set_up, (list(pictures), ready, own_cores))
        self.on_all_cores = spawn.Pool(1, _set_up, (list(pictures),))
        self.ways: dict[str, Way] = {}
        self.lone_engines: dict[str, str] = {}
        for precision, directory in unpacked.items():
            found = [name for name, file in FILES.items() if (directory / file).exists()]
            speeds = [
                (self._throughput(precision, way, TRIAL, cores).throughput, way)
                for way in [Way(*each) for each in itertools.product(found, (1, 8))] * 2
            ]
            self.ways[precision] = max(speeds)[1]
            times = [(self._lone(precision, name, TRIAL), name) for name in found * 2]
            self.lone_engines[precision] = min(times)[1]

    def __enter__(self) -> "Bare":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in (self.one_a_core, self.on_all_cores):
            pool.terminate()
            pool.join()

    def throughput(self, precision: str, seconds: float, processes: int | None = None) -> Speed:
        """Of one single-threaded process a core."""
        way = self.ways[precision]
        return self._throughput(precision, way, seconds, processes or self.cores)

    def lone(self, precision: str, seconds: float) -> float:
        """Median milliseconds for one picture after the other, the engine on all cores."""
        return self._lone(precision, self.lone_engines[precision], seconds)

    def _throughput(self, precision: str, way: Way, seconds: float, processes: int) -> Speed:
        directory = self.unpacked[precision]
        together = processes == self.cores
        tasks = [(directory, way, seconds, number, together) for number in range(processes)]
        working = self.one_a_core.starmap_async(_work, tasks, chunksize=1)
        done, cpu, rates = zip(*working.get(seconds + LOAD_LIMIT), strict=True)
        return Speed(sum(rates), sum(cpu) / sum(done) * 1e3)

    def _lone(self, precision: str, engine: str, seconds: float) -> float:
        task = (self.unpacked[precision], engine, seconds, self.cores)
        return self.on_all_cores.apply_async(_lone, task).get(seconds + LOAD_LIMIT)


_pictures: list[bytes]
_ready: Barrier | None


def _set_up(
    paths: list[Path],
    ready: Barrier | None = None,
    own_cores: "SimpleQueue[set[int]] | None" = None,
) -> None:
    global _pictures, _ready
    _pictures, _ready = [path.read_bytes() for path in paths], ready
    if own_cores:
        os.sched_setaffinity(0, own_cores.get())


@cache
def _loop(directory: Path, engine: str, threads: int) -> Loop:
    loop = Loop(directory, threads, engine)
    loop.classify(_pictures[:8])
    return loop


def _work(
    directory: Path, way: Way, seconds: float, number: int, together: bool
) -> tuple[int, float, float]:
    """Pictures, seconds of CPU, and pictures a second."""
    loop = _loop(directory, way.engine, 1)
    loop.classify(_pictures[: way.batch])
    if together and _ready:
        _ready.wait(LOAD_LIMIT)
    done, start, cpu = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < seconds:
        first = number * 17 + done
        loop.classify([_pictures[(first + i) % len(_pictures)] for i in range(way.batch)])
        done += way.batch
    return done, time.process_time() - cpu, done / elapsed


def _lone(directory: Path, engine: str, seconds: float, cores: int) -> float:
    loop = _loop(directory, engine, cores)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        loop.classify([_pictures[len(times) % len(_pictures)]])
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)
