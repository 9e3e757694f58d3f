"""What growth costs: more connections, larger pictures, more models side by side; Triton beside it.

Writes growth.json, growth.md and growth.png. Models side by side are one archive under several
names, each with a worker of its own; they share the load evenly, and then one is asked alone.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import inputs, plots, report, servers
from benchmarks.inputs import Inputs
from benchmarks.load import drive
from benchmarks.machine import machine
from benchmarks.measure import Run, measure, settle, warm_up
from benchmarks.preprocessing import mosaic
from benchmarks.processes import cost
from benchmarks.rivals.triton import environment as triton_environment
from benchmarks.servers import Running

CONNECTIONS = (1, 2, 4, 8, 20, 64, 256, 400, 1000)
# Pixels: 20 KB to 5 MB, the most that the service takes.
SIZES = ((280, 210), (500, 375), (800, 600), (1280, 960), (2000, 1500), (3000, 2250), (4400, 3300))
PICTURES = 4  # of each size
MODELS = (1, 2, 3, 4)
AT = 20  # connections for pictures and models, as evenly as they divide by all models
# Each of a crowd waits for all the others: it takes longer until it is seen how long.
SLOWLY = {256: 2, 400: 2, 1000: 4}  # times as many seconds


def main() -> int:
    options = parse_arguments()
    results: dict[str, Any] = {
        "machine": machine(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "curves": {},
    }
    with inputs.prepared(options) as found, tqdm(desc="growth", unit="load") as progress:
        for name in options.only or CURVES:
            results["curves"][name] = []
            for run in CURVES[name](found, options.seconds):
                results["curves"][name].append(run)
                progress.set_postfix_str(f"{run['target']}: {run['x']:,} {name}")
                progress.update()
    (options.output / "growth.json").write_text(json.dumps(results, indent=1) + "\n")
    text = report.growth(results)
    (options.output / "growth.md").write_text(text, "utf-8")
    plots.growth(results, options.output / "growth.png")
    print(text)
    return 0


def by_connections(inputs: Inputs, seconds: int) -> Iterator[Run]:
    for started in both(inputs):
        with started as running:
            warm_up(running, inputs.pictures)
            for count in CONNECTIONS:
                longer = seconds * SLOWLY.get(count, 1)
                yield {"x": count, **one(running, count, longer, inputs.pictures)}


def by_picture(inputs: Inputs, seconds: int) -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="growth-") as scratch:
        groups = [mosaics(inputs.pictures, Path(scratch), size) for size in SIZES]
        for started in both(inputs):
            with started as running:
                warm_up(running, inputs.pictures)
                for size, pictures in zip(SIZES, groups, strict=True):
                    mean = round(statistics.mean(path.stat().st_size for path in pictures))
                    yield {"x": mean, "size": size, **one(running, AT, seconds, pictures)}


def mosaics(pictures: list[Path], folder: Path, size: tuple[int, int]) -> list[Path]:
    paths = [folder / f"{size[0]}-{number}.jpg" for number in range(PICTURES)]
    for number, path in enumerate(paths):
        first = number * len(pictures) // PICTURES
        path.write_bytes(mosaic([*pictures[first:], *pictures[:first]], *size))
    return paths


def by_models(inputs: Inputs, seconds: int) -> Iterator[Run]:
    for count in MODELS:
        for started in both(inputs, count):
            with started as running:
                yield {"x": count, **several(running, count, seconds, inputs.pictures)}


CURVES: dict[str, Callable[[Inputs, int], Iterator[Run]]] = {
    "connections": by_connections,
    "bytes a picture": by_picture,
    "models": by_models,
}


def both(inputs: Inputs, models: int = 1) -> Iterator[AbstractContextManager[Running]]:
    """To be started one after the other."""
    yield servers.ours(inputs.archives["int8"], "ours int8", models=models)
    if triton_environment.is_ready():
        yield servers.triton(inputs, models)


def one(running: Running, connections: int, seconds: int, pictures: list[Path]) -> Run:
    return measure(running, next(iter(running.doors)), connections, seconds, pictures)


def several(running: Running, models: int, seconds: int, pictures: list[Path]) -> Run:
    """Every model at once, sharing `AT` connections: all answers, and the median model's times."""
    ways = list(running.doors)
    # Ours has another door to its first version, past the gateway.
    ways = [way for way in ways if way != "direct" or ways[0] == way][:models]
    warm_up(running, pictures)
    with ThreadPoolExecutor(models) as pool:
        loads = list(
            pool.map(lambda way: drive(running.doors[way], AT // models, seconds, pictures), ways)
        )
        pss = cost(running.pid).pss
    for way in ways:
        settle(running, way, pictures[0])
    alone = drive(running.doors[ways[0]], 1, seconds, pictures)
    return {
        "target": running.name,
        "throughput": sum(load.throughput for load in loads),
        "p50": statistics.median(load.p50 for load in loads),
        "p50 alone": alone.p50,
        "p99": statistics.median(load.p99 for load in loads),
        "refused": sum(load.refused for load in loads),
        "broken": sum(load.broken for load in loads),
        "pss": pss,
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    inputs.add_arguments(parser)
    parser.add_argument("--seconds", type=int, default=10, help="of a load; crowds take longer")
    parser.add_argument("--only", nargs="+", choices=CURVES, help="only these curves")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
