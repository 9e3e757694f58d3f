"""Draw the dashboard's panels from what a real Prometheus saw of the service under traffic.

Eight clients send pictures of all kinds, one request in ten wrong. On the way a worker is killed,
the service is scaled to two workers and back, and twice as many clients come.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

from benchmarks.inputs import colour_jpegs
from benchmarks.monitored import MONITORING, Prometheus, watching
from benchmarks.soak import Clients
from scripts import ROOT
from scripts.serving.management import Management, running
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory

STEP = 2  # seconds between two points
RATE = "20s"  # for $__rate_interval: scrapes come every second here
COLUMNS = 3
UNITS = {
    "s": ("ms", 1e3),
    "bytes": ("MB", 1e-6),
    "percentunit": ("%", 1e2),
    "reqps": ("a second", 1),
    "short": ("", 1),
}


@dataclass(frozen=True)
class Event:
    share: float  # of the time
    name: str
    act: Callable[[], object]


def main() -> int:
    options = parse_arguments()
    archive = ROOT / "model_store" / f"resnet18-{options.precision}.mar"
    if not archive.is_file():
        print(f"dashboard: there is no {archive}. Build it: make archive", file=sys.stderr)
        return 1
    pictures = colour_jpegs(options.pictures)
    with tempfile.TemporaryDirectory() as scratch:
        run = RunDirectory(Path(scratch) / "run")
        where = ["--run-directory", str(run.path)]
        command = [sys.executable, "-m", "scripts.service"]
        service = ["--port", str(free_port()), "--archive", str(archive)]
        subprocess.run([*command, "start", *where, *service], cwd=ROOT, check=True)
        try:
            with watching(run, Path(scratch)) as prometheus:
                span, events = traffic(run, pictures, options.minutes * 60)
                draw(prometheus, span, events, options.output)
        finally:
            subprocess.run([*command, "stop", *where], cwd=ROOT, check=True)
    print(f"dashboard: {options.output}")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="default: %(default)s")
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--pictures", type=Path, default=ROOT / "web_client" / "samples")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "operations" / "dashboard.png"
    )
    return parser.parse_args()


def traffic(
    run: RunDirectory, pictures: list[Path], seconds: float
) -> tuple[tuple[float, float], list[tuple[float, str]]]:
    """Returns when it began and ended (Unix time), and what happened when."""
    state = running(run)
    management = Management.of(run, state.model)
    clients, more = (Clients(state.url, pictures) for _ in range(2))
    plan = [
        Event(0.2, "a worker is killed", lambda: os.kill(worker(management), signal.SIGKILL)),
        Event(0.4, "two workers", lambda: management.scale(2)),
        Event(0.6, "one worker", lambda: management.scale(1)),
        Event(0.75, "twice the clients", more.start),
    ]
    began = time.time()
    happened = []
    clients.start()
    try:
        with tqdm(total=round(seconds), desc="dashboard", unit="s") as progress:
            while (passed := time.time() - began) < seconds:
                while plan and passed >= plan[0].share * seconds:
                    event = plan.pop(0)
                    happened.append((time.time(), event.name))
                    event.act()
                progress.update(round(passed) - progress.n)
                time.sleep(0.5)
    finally:
        clients.stop()
        if not plan:
            more.stop()
    print(f"{clients.kinds.total() + more.kinds.total()} answers, {len(clients.wrong)} wrong")
    return (began, began + seconds), happened


def worker(management: Management) -> int:
    return int(management.versions()[0]["workers"][0]["pid"])


def draw(
    prometheus: Prometheus,
    span: tuple[float, float],
    events: list[tuple[float, str]],
    output: Path,
) -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    rows = math.ceil(len(panels) / COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(16, 3.4 * rows), layout="constrained")
    for panel, plot in zip(panels, axes.flat, strict=True):
        defaults = panel["fieldConfig"]["defaults"]
        unit, factor = UNITS[defaults["unit"]]
        if scale := defaults["custom"].get("scaleDistribution"):
            plot.set_yscale(scale["type"], linthresh=scale["linearThreshold"])
        for name, points in series(prometheus, panel, span):
            minutes = [(when - span[0]) / 60 for when, _ in points]
            plot.plot(minutes, [value * factor for _, value in points], label=name, linewidth=1.2)
        for when, _ in events:
            plot.axvline((when - span[0]) / 60, color="#999999", linewidth=0.8, linestyle=":")
        plot.set_title(f"{panel['title']}{f' ({unit})' if unit else ''}", fontsize="medium")
        plot.set(xlim=(0, (span[1] - span[0]) / 60), ylim=(0, None))
        plot.legend(fontsize="x-small", loc="best")
    for plot in axes[-1]:
        plot.set_xlabel("minutes")
    names = ", ".join(f"{name} at {(when - span[0]) / 60:.1f}" for when, name in events)
    figure.suptitle(f"Dotted, in minutes: {names}", fontsize="medium")
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=80)


def series(
    prometheus: Prometheus, panel: dict[str, Any], span: tuple[float, float]
) -> list[tuple[str, list[tuple[float, float]]]]:
    """The panel's lines: legend, and time and value of each point."""
    lines = []
    for target in panel["targets"]:
        expression = target["expr"].replace("$__rate_interval", RATE)
        found = prometheus.get(
            "query_range", query=expression, start=span[0], end=span[1], step=STEP
        )
        for result in found["result"]:
            name = target["legendFormat"]
            for label, value in result["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            points = [(float(when), float(value)) for when, value in result["values"]]
            lines.append((name, [(when, value) for when, value in points if math.isfinite(value)]))
    return lines


if __name__ == "__main__":
    sys.exit(main())
