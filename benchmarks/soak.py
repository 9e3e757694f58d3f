"""Run the service for a long time under mixed traffic and look for what rises.

Eight clients send pictures in every form and format, one request in ten wrong. Every answer must
have the status it should have and, for a body that was sent before, the same content. Meanwhile
memory (PSS), file descriptors and threads of every process and the size of the logs are written
down. Exit status 1 where an answer was wrong, a process was replaced, or something rises.
"""

import argparse
import hashlib
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from scipy import stats
from tqdm import tqdm

from benchmarks import plots, report, traffic
from benchmarks.inputs import colour_jpegs
from benchmarks.machine import machine
from benchmarks.processes import role, tree
from benchmarks.servers import ours
from scripts import ROOT

CLIENTS = 8
SAMPLES = 180  # in a run
WARM_UP = 1 / 2  # of the run: pools and caches are filling
# What counts as rising: more than this share over the judged part of the run, by the median of all
# slopes (Theil and Sen), where the order of the values is no accident (Kendall's tau).
RISE = 0.05
ACCIDENT = 0.01


def main() -> int:
    options = parse_arguments()
    archive = ROOT / "model_store" / f"resnet18-{options.precision}.mar"
    pictures = colour_jpegs(options.pictures)
    with ours(archive) as running:
        url = running.doors["gateway"].url.removesuffix(traffic.PREDICT)
        clients = Clients(url, pictures)
        samples = observe(running.pid, running.logs, clients, options.minutes * 60)
    trends = trends_of(samples)
    results = {
        "machine": machine(),
        "precision": options.precision,
        "minutes": options.minutes,
        "clients": CLIENTS,
        "requests": dict(clients.kinds.most_common()),
        "wrong": clients.wrong[:20],
        "wrong_count": len(clients.wrong),
        "replaced": replaced(samples),
        "trends": trends,
        "samples": samples,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "soak.json").write_text(json.dumps(results) + "\n")
    plots.soak(results, options.output / "soak.png")
    text = report.soak(results)
    (options.output / "soak.md").write_text(text, "utf-8")
    print(text)
    rising = [name for name, each in trends.items() if each["rising"]]
    for fault in (
        f"{len(clients.wrong)} wrong answers, such as {clients.wrong[0]}" if clients.wrong else "",
        f"replaced: {', '.join(results['replaced'])}" if results["replaced"] else "",
        f"rising: {', '.join(rising)}" if rising else "",
    ):
        if fault:
            print(f"soak: {fault}", file=sys.stderr)
    return 1 if clients.wrong or results["replaced"] or rising else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--pictures", type=Path, default=ROOT / "web_client" / "samples")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    return parser.parse_args()


@dataclass
class Clients:
    """Each sends its next request when it has the answer to the last."""

    url: str
    pictures: list[Path]
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._answers: dict[bytes, bytes] = {}  # digest of a good body: its first answer
        self._threads = [threading.Thread(target=self._send, args=(i,)) for i in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self, seed: int) -> None:
        next_request = traffic.requests(self.pictures, seed)
        with requests.Session() as session:
            while not self._stop.is_set():
                request = next_request()
                try:
                    response = session.request(
                        request.method,
                        self.url + request.path,
                        data=request.body,
                        headers=request.headers,
                        timeout=60,
                    )
                    fault = self._fault(request, response)
                except requests.RequestException as error:
                    fault = repr(error)
                with self._lock:
                    self.kinds[request.kind] += 1
                    if fault:
                        self.wrong.append(f"{request.kind}: {fault}")

    def _fault(self, request: traffic.Request, response: requests.Response) -> str:
        if response.status_code != request.status:
            return f"{response.status_code}, not {request.status}: {response.text[:200]}"
        if request.status != 200 or not request.body:
            return ""
        digest = hashlib.sha256(request.body).digest()
        with self._lock:
            first = self._answers.setdefault(digest, response.content)
        return "" if response.content == first else "another answer than before"


def observe(pid: int, logs: Path, clients: Clients, seconds: float) -> list[dict[str, Any]]:
    """Samples of the processes below `pid`, by role, for so long."""
    samples: list[dict[str, Any]] = []
    clients.start()
    start = time.monotonic()
    try:
        with tqdm(total=round(seconds), desc="soak", unit="s") as progress:
            while (now := time.monotonic() - start) < seconds:
                samples.append(
                    {"seconds": now, **sample(pid, logs), "answers": clients.kinds.total()}
                )
                progress.update(round(now) - progress.n)
                progress.set_postfix(
                    answers=samples[-1]["answers"],
                    wrong=len(clients.wrong),
                    MB=round(total(samples[-1], "pss") / 1e6),
                )
                time.sleep(seconds / SAMPLES)
    finally:
        clients.stop()
    return samples


def sample(pid: int, logs: Path) -> dict[str, Any]:
    values: dict[str, Any] = {"pids": {}, "pss": {}, "fds": {}, "threads": {}}
    for process in tree(pid):
        name = role(process, pid)
        values["pids"][name] = process.pid
        values["pss"][name] = process.memory_full_info().pss
        values["fds"][name] = process.num_fds()
        values["threads"][name] = process.num_threads()
    values["log bytes"] = {"logs": sum(file.stat().st_size for file in logs.iterdir())}
    return values


def replaced(samples: list[dict[str, Any]]) -> list[str]:
    """Roles that were not the same process all the time."""
    seen = {role for each in samples for role in each["pids"]}
    return sorted(role for role in seen if len({each["pids"].get(role) for each in samples}) > 1)


def total(sample: dict[str, Any], name: str) -> float:
    return float(sum(sample[name].values()))


def trends_of(samples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By what the table calls it: of all processes, and the memory of each."""
    rows: dict[str, list[float]] = {}
    for each in samples:
        for name, unit, of in (
            ("memory (PSS), MB", 1e6, "pss"),
            ("file descriptors", 1, "fds"),
            ("threads", 1, "threads"),
            ("logs, kB", 1e3, "log bytes"),
        ):
            rows.setdefault(name, []).append(total(each, of) / unit)
        for name in samples[0]["pss"]:
            rows.setdefault(f"{name}'s memory, MB", []).append(each["pss"].get(name, 0) / 1e6)
    hours = [each["seconds"] / 3600 for each in samples]
    return {name: trend(hours, values) for name, values in rows.items()}


def trend(hours: list[float], values: list[float]) -> dict[str, Any]:
    """How the values change after the warm-up."""
    greatest = max(values)
    first = round(len(values) * WARM_UP)
    hours, values = hours[first:], values[first:]
    middle = stats.scoreatpercentile(values, 50)
    slope = float(stats.theilslopes(values, hours).slope)
    order = stats.kendalltau(hours, values).pvalue if len(set(values)) > 1 else 1.0
    return {
        "median": float(middle),
        "greatest": greatest,
        "slope per hour": slope,
        "rising": bool(slope * (hours[-1] - hours[0]) > RISE * max(middle, 1) and order < ACCIDENT),
    }


if __name__ == "__main__":
    sys.exit(main())
