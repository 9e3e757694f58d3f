"""Compare this project with what one might use instead, in one run on one machine.

Every round restarts each server, so that the spread has the differences between two starts in it
and slow minutes of a shared machine hit all alike. Writes results.json, results.md and plots; until
the last round is over, what there is so far is results.partial.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import bare, inputs, plots, preprocessing, report, servers
from benchmarks.bare import Bare
from benchmarks.inputs import Inputs
from benchmarks.machine import machine
from benchmarks.measure import Run, measure, warm_up
from benchmarks.rivals.triton import environment as triton_environment
from benchmarks.servers import Running
from scripts.packaging.weights import sha256

CONNECTIONS = (1, 20)
PACKAGES = ("torch", "openvino", "ncnn", "pillow", "cykooz-resizer", "torchserve", "litserve")

TARGETS: dict[str, Callable[[Inputs], AbstractContextManager[Running]]] = {
    "ours int8": lambda inputs: servers.ours(inputs.archives["int8"], "ours int8"),
    "ours fp32": lambda inputs: servers.ours(inputs.archives["fp32"], "ours fp32"),
    "triton int8": servers.triton,
    "litserve int8": servers.litserve,
    "fastapi int8": servers.fastapi,
    "flask": servers.flask,
    "stock": servers.stock,
}


def main() -> int:
    options = parse_arguments()
    targets = {name: TARGETS[name] for name in options.only or TARGETS}
    if "triton int8" in targets and not triton_environment.is_ready():
        del targets["triton int8"]
        print(triton_environment.NOT_READY)
    start = time.monotonic()
    with inputs.prepared(options) as found:
        bare.add_exact_engines(found.unpacked["fp32"], found.weights)
        results: dict[str, Any] = {
            "machine": machine(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "weights": {"file": found.weights.name, "sha256": sha256(found.weights)},
            "packages": {name: version(name) for name in PACKAGES},
            "pictures": {"folder": options.pictures.name, "count": len(found.pictures)},
            "seconds": options.seconds,
            "runs": [],
            "bare": [],
        }
        run_all(options, found, targets, results)
    results["minutes"] = round((time.monotonic() - start) / 60, 1)
    keep(results, options.output).rename(options.output / "results.json")
    text = report.markdown(results)
    (options.output / "results.md").write_text(text, "utf-8")
    plots.write(results, options.output)
    print(text)
    return 0


def run_all(
    options: argparse.Namespace,
    inputs: Inputs,
    targets: dict[str, Callable[[Inputs], AbstractContextManager[Running]]],
    results: dict[str, Any],
) -> None:
    """Round after round; the results so far are kept on disk."""
    steps = options.rounds * (len(targets) + 1) + len(inputs.archives) + 1
    with tqdm(total=steps, desc="bench", unit="step") as progress:
        for number in range(1, options.rounds + 1):
            progress.set_postfix_str(f"round {number}: bare loop")
            results["bare"].append(bare_loop(inputs, options.seconds))
            progress.update()
            for name, started in targets.items():
                progress.set_postfix_str(f"round {number}: {name}")
                runs = loads(started(inputs), CONNECTIONS, inputs, options.seconds)
                results["runs"] += [{"round": number, **run} for run in runs]
                keep(results, options.output)
                progress.update()
        results["one_core"] = {}
        for name, archive in inputs.archives.items():
            progress.set_postfix_str(f"{name} on one core")
            started_on_one = servers.ours(archive, f"ours {name}", one_core=True)
            runs = loads(started_on_one, (20,), inputs, options.seconds)
            results["one_core"][name] = [run for run in runs if run["door"] == "gateway"]
            progress.update()
        progress.set_postfix_str("preprocessing")
        rounds = max(3, options.rounds)
        results["preprocessing"] = preprocessing.milliseconds(inputs.pictures, rounds)
        progress.update()


def keep(results: dict[str, Any], directory: Path) -> Path:
    """The results so far: a run that is stopped replaces nothing complete."""
    path = directory / "results.partial"
    path.write_text(json.dumps(results, indent=1) + "\n")
    return path


def loads(
    starting: AbstractContextManager[Running],
    connections: tuple[int, ...],
    inputs: Inputs,
    seconds: int,
) -> list[Run]:
    """Through every door. Twice as long at 20 connections, where most is compared."""
    with starting as running:
        warm_up(running, inputs.pictures)
        return [
            measure(running, way, count, seconds * (2 if count == 20 else 1), inputs.pictures)
            for way in running.doors
            for count in connections
        ]


def bare_loop(inputs: Inputs, seconds: int) -> dict[str, Any]:
    with Bare(inputs.unpacked, inputs.pictures, inputs.cores) as loop:
        return {
            name: {
                **loop.throughput(name, seconds)._asdict(),
                "throughput_1_core": loop.throughput(name, seconds / 2, 1).throughput,
                "lone_ms": loop.lone(name, seconds / 3),
                "engine": loop.ways[name].engine,
                "lone_engine": loop.lone_engines[name],
            }
            for name in inputs.unpacked
        }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    inputs.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="of a load; at 20 connections two")
    parser.add_argument("--only", nargs="+", choices=TARGETS, help="only these servers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
