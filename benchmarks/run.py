"""Compare this project with what one might use instead, in one run on one machine.

Every round restarts each server, so that the spread has the differences between two starts in it
and slow minutes of a shared machine hit all alike. Writes results.json, results.md and plots.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image
from tqdm import tqdm

from benchmarks import bare, plots, preprocessing, report, servers
from benchmarks.load import drive
from benchmarks.processes import cost
from benchmarks.servers import Inputs, Running
from scripts import ROOT
from scripts.packaging.weights import resolve, sha256

QUICK = (1, 20)
FULL = (1, 2, 4, 8, 20, 64, 256)
SETTLE_LIMIT = 120  # seconds
PACKAGES = ("torch", "openvino", "ncnn", "pillow", "cykooz-resizer", "torchserve", "litserve")


def main() -> int:
    options = parse_arguments()
    archives = {name: ROOT / "model_store" / f"resnet18-{name}.mar" for name in ("int8", "fp32")}
    missing = [str(path) for path in archives.values() if not path.is_file()]
    if missing:
        print(f"bench: there is no {', '.join(missing)}. Build both: make bench", file=sys.stderr)
        return 1
    pictures = colour_jpegs(options.pictures)
    weights = resolve(options.weights)
    inputs = Inputs(weights, archives, pictures[0], len(os.sched_getaffinity(0)))
    connections = FULL if options.full else QUICK
    results: dict[str, Any] = {
        "machine": machine(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights": {"file": weights.name, "sha256": sha256(weights)},
        "packages": {name: version(name) for name in PACKAGES},
        "pictures": {"folder": options.pictures.name, "count": len(pictures)},
        "seconds": options.seconds,
        "runs": [],
        "bare": [],
    }
    options.output.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    run_all(options, inputs, pictures, connections, results)
    results["minutes"] = round((time.monotonic() - start) / 60, 1)
    (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = report.markdown(results)
    (options.output / "results.md").write_text(text, "utf-8")
    plots.write(results, options.output)
    print(text)
    return 0


def run_all(
    options: argparse.Namespace,
    inputs: Inputs,
    pictures: list[Path],
    connections: Sequence[int],
    results: dict[str, Any],
) -> None:
    """Round after round; the results so far are kept on disk."""
    targets = {name: TARGETS[name] for name in options.only or TARGETS}
    steps = options.rounds * (len(targets) + 1) + len(inputs.archives) + 1
    with tqdm(total=steps, desc="bench", unit="step") as progress:
        for number in range(options.rounds):
            progress.set_postfix_str(f"round {number + 1}: bare loop")
            results["bare"].append(bare_loop(inputs, pictures, options.seconds))
            progress.update()
            for name, started in targets.items():
                progress.set_postfix_str(f"round {number + 1}: {name}")
                runs = measure(name, started(inputs), connections, pictures, options.seconds)
                results["runs"] += [{"round": number + 1, **run} for run in runs]
                (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
                progress.update()
        results["one_core"] = {}
        for name in inputs.archives:
            progress.set_postfix_str(f"{name} on one core")
            started = servers.ours(inputs, name, one_core=True)
            runs = measure(name, started, (20,), pictures, options.seconds)
            results["one_core"][name] = [run for run in runs if run["door"] == "gateway"]
            progress.update()
        progress.set_postfix_str("preprocessing")
        results["preprocessing"] = preprocessing.milliseconds(pictures, max(3, options.rounds))
        progress.update()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"connections {FULL}, not {QUICK}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=int, default=10, help="load for each number of connections"
    )
    parser.add_argument("--pictures", type=Path, default=ROOT / "web_client" / "samples")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--only", nargs="+", choices=TARGETS, help="only these servers")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    return parser.parse_args()


TARGETS: dict[str, Callable[[Inputs], AbstractContextManager[Running]]] = {
    "ours int8": lambda inputs: servers.ours(inputs, "int8"),
    "ours fp32": lambda inputs: servers.ours(inputs, "fp32"),
    "flask": servers.flask,
    "stock": servers.stock,
    "litserve int8": servers.litserve,
}


def measure(
    name: str,
    starting: AbstractContextManager[Running],
    connections: tuple[int, ...],
    pictures: list[Path],
    seconds: int,
) -> list[dict[str, Any]]:
    runs = []
    with starting as running:
        for door, (url, authorization) in running.urls.items():
            # Compilers and caches of every server have seen some traffic first.
            drive(url, 20, 3, pictures, authorization, running.form)
            for count in connections:
                settle(running, url, authorization, pictures[0])
                before = cost(running.pid)
                # Twice as long where most is compared.
                duration = seconds * 2 if count == 20 else seconds
                load = drive(url, count, duration, pictures, authorization, running.form)
                after = cost(running.pid)
                settle(running, url, authorization, pictures[0])
                cpu = (after.cpu_seconds - before.cpu_seconds) / max(1, load.answers)
                runs.append(
                    {
                        "target": name,
                        "door": door,
                        **asdict(load),
                        "throughput": load.throughput,
                        "cpu_ms": cpu * 1e3,
                        "pss": after.pss,
                        "start_seconds": running.seconds_to_first_answer,
                    }
                )
    return runs


def settle(running: Running, url: str, authorization: str, picture: Path) -> None:
    """Wait until what the last load left in queues is done: an answer comes after it."""
    headers = {"Authorization": authorization} if authorization else {}
    body: dict[str, Any] = {"data": picture.read_bytes()}
    if running.form:
        body = {"files": body}
    deadline = time.monotonic() + SETTLE_LIMIT
    while not requests.post(url, headers=headers, timeout=SETTLE_LIMIT, **body).ok:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} gave no good answer for {SETTLE_LIMIT} s after the load")
        time.sleep(0.2)


def bare_loop(inputs: Inputs, pictures: list[Path], seconds: int) -> dict[str, Any]:
    return {
        name: {
            "throughput": bare.throughput(archive, pictures, seconds, inputs.cores),
            "throughput_1_core": bare.throughput(archive, pictures, seconds / 2, 1),
            "lone_ms": bare.lone(archive, pictures, seconds / 3, inputs.cores),
        }
        for name, archive in inputs.archives.items()
    }


def colour_jpegs(folder: Path) -> list[Path]:
    """What every server can read: the stock handler fails on grey pictures."""
    paths = [path for path in sorted(folder.rglob("*.jpg")) if Image.open(path).mode == "RGB"]
    if not paths:
        raise SystemExit(f"bench: there is no JPEG in colour in {folder}")
    return paths


def machine() -> dict[str, Any]:
    lscpu = subprocess.run(["lscpu", "--json"], capture_output=True, text=True, check=True)
    fields = {row["field"].rstrip(":"): row["data"] for row in json.loads(lscpu.stdout)["lscpu"]}
    flags = set(fields.get("Flags", "").split())
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
    return {
        "processor": fields.get("Model name", platform.processor()),
        "family": f"{fields.get('CPU family')}/{fields.get('Model')}",
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [name for name in wanted if name in flags],
        "memory": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
