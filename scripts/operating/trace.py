"""Show where a request's time went: of one sent now, or of those in access.log.

A request is named by the header X-Request-Id of its answer. access.log has those that the service
failed on, and all others after make start ACCESS_LOG=1. Exit status: 0 on success, 1 on failure,
also where the service did not let the request in.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from client.classifier import Classifier
from client.errors import ServiceError
from client.http import failure, not_ours, refusal
from scripts import SAMPLES
from scripts.serving.bounds import ACCESS_LOGGED, LOG
from scripts.serving.management import running
from scripts.serving.run_directory import DEFAULT, RunDirectory, State

PICTURE = SAMPLES / "coffee.jpg"
BAR = 30  # characters
KEPT_OUT = (401, 404, 421)  # an answer of the gateway, which tells nothing of a prediction
_HINT = "It has only failed requests unless all are logged: make stop, make start ACCESS_LOG=1"
_KEPT = f"It keeps about the latest {3 * LOG >> 20} MB"
PARTS = {
    "network": "between this command and the gateway",
    "upload": "reading the request; a large one also waits for its turn",
    "gateway": "waiting for a place at TorchServe, tries that failed",
    "queue": "the worker was busy with others",
    "batch wait": "waiting for others to join; handover to the worker",
    "preprocess": "decoding and resizing the whole batch",
    "inference": "the network, for the whole batch",
    "postprocess": "writing the answers",
    "torchserve": "collecting and forwarding the answers",
}


@dataclass(frozen=True)
class Trace:
    """A request's milliseconds; `parts` in the order in which they passed."""

    request_id: str
    when: str
    status: int
    body: int  # bytes
    retries: int | None  # None: nobody wrote them down
    total: float
    parts: dict[str, float]
    decode: float | None  # of the own picture, a part of preprocess


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    try:
        if options.id is not None:
            traces = [_named(run, options.id)]
        elif options.slowest:
            traces = _slowest(run, options.slowest)
        else:
            traces = [send(run, options.picture, options.name)]
        if options.json:
            print(json.dumps([asdict(trace) for trace in traces], indent=2), flush=True)
        else:
            print("\n\n".join(map(waterfall, traces)), flush=True)
    except ServiceError as error:
        print(f"trace: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough (… | head). What is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "picture", type=Path, nargs="?", default=PICTURE, help="to send (default: %(default)s)"
    )
    parser.add_argument("--name", metavar="MODEL", help="to ask, of several (default: the first)")
    parser.add_argument("--id", help="X-Request-Id of an answered request")
    parser.add_argument(
        "--slowest", type=int, metavar="N", help="the N slowest since the service started"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--run-directory", type=Path, default=DEFAULT, help="default: %(default)s")
    options = parser.parse_args()
    if options.slowest is not None and options.slowest < 1:
        parser.error("--slowest: a whole number above 0")
    return options


def send(run: RunDirectory, picture: Path, model: str | None = None) -> Trace:
    """Ask for a prediction now. model: None for the first."""
    try:
        body = picture.read_bytes()
    except OSError as error:
        raise ServiceError("no_picture", f"{picture}: {error.strerror}") from None
    state = running(run)
    classifier = Classifier(
        state.local_url,
        model or state.model,
        access_key=state.settings.access_key,
        host=state.settings.domain,
    )
    classifier.is_ready()  # connects
    started = time.perf_counter()
    try:
        response = classifier.post(body)
    except OSError as error:
        raise failure(state.url, error) from error
    total = (time.perf_counter() - started) * 1e3
    request_id = response.headers.get("X-Request-Id")
    if request_id is None:
        raise not_ours(state.url)
    if response.status_code in KEPT_OUT:
        raise refusal(response, state.settings.access_key)
    deadline = time.monotonic() + ACCESS_LOGGED
    while state.settings.access_log and time.monotonic() < deadline:
        if seen := next(logged(run, request_id), None):
            parts = {"network": max(0.0, total - seen.total)} | seen.parts
            return Trace(**{**asdict(seen), "total": total, "parts": parts})
        time.sleep(0.02)
    shares = _shares(response.headers.get("Server-Timing", ""))
    parts = _parts(total, shares, "network, upload")
    when = response.headers.get("Date", "")
    return Trace(
        request_id, when, response.status_code, len(body), None, total, parts, shares.get("decode")
    )


def _named(run: RunDirectory, request_id: str) -> Trace:
    traces = list(logged(run, request_id))
    if not traces:
        raise ServiceError(
            "unknown_request", f"access.log has no request {request_id}. {_hint(run)}"
        )
    return max(traces, key=lambda trace: trace.when)  # clients may use one again


def _slowest(run: RunDirectory, number: int) -> list[Trace]:
    """Of the service that runs, not of those before it; of all where none runs."""
    state = run.running_state()
    since = _started(state) if state else ""
    traces = [trace for trace in logged(run) if trace.when >= since]
    if not traces:
        since = " since the service started" if state else ""
        raise ServiceError("no_requests", f"access.log has no request{since}. {_hint(run)}")
    return sorted(traces, key=lambda trace: -trace.total)[:number]


def _hint(run: RunDirectory) -> str:
    state = run.running_state()
    return _KEPT if state and state.settings.access_log else _HINT


def _started(state: State) -> str:
    """When, as access.log writes it."""
    when = datetime.fromtimestamp(psutil.Process(state.pid).create_time(), UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S")


def logged(run: RunDirectory, request_id: str | None = None) -> Iterator[Trace]:
    """The requests of access.log and the older ones beside it; all, or those of that id."""
    for log in sorted(run.logs.glob("access*.log")):
        # One that is full is given another name meanwhile.
        with suppress(FileNotFoundError), log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if request_id is None or request_id in line:
                    entry = _entry(line)
                    if entry and request_id in (None, entry["request_id"]):
                        yield _logged(entry)


def _entry(line: str) -> dict[str, Any] | None:
    """None for a line that is being written, or could not be written to its end."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None


def _logged(entry: dict[str, Any]) -> Trace:
    shares = _shares(entry["server_timing"] or "")
    total = float(entry["milliseconds"])
    return Trace(
        entry["request_id"],
        entry["ts"],
        entry["status"],
        entry["body"],
        (entry["attempts"] or 1) - 1,
        total,
        _parts(total, shares, "upload"),
        shares.get("decode"),
    )


def _shares(header: str) -> dict[str, float]:
    """Server-Timing in milliseconds."""
    return {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", header)}


def _parts(total: float, shares: dict[str, float], before: str) -> dict[str, float]:
    """before: what the time before the gateway's own, of which nothing is known, is called."""
    torchserve, gateway = shares.get("torchserve", 0.0), shares.get("gateway", 0.0)
    names = {"queue": "queue", "batch": "batch wait"}
    names |= {name: name for name in ("preprocess", "inference", "postprocess")}
    inside = {label: shares[name] for name, label in names.items() if name in shares}
    parts = {before: max(0.0, total - gateway - torchserve), "gateway": gateway} | inside
    if torchserve:
        # The queue begins at a whole millisecond.
        parts["torchserve"] = max(0.0, torchserve - sum(inside.values()))
    return parts


def waterfall(trace: Trace) -> str:
    retries = f", sent {trace.retries + 1} times" if trace.retries else ""
    outcome = f"status {trace.status}" if trace.status else "the client left"
    head = f"{trace.when}  {outcome}, {trace.body / 1e3:,.0f} kB, "
    lines = [f"{head}{trace.total:,.1f} ms{retries}, request {trace.request_id}"]
    passed = 0.0
    scale = BAR / max(trace.total, sum(trace.parts.values()), 0.1)
    for name, milliseconds in trace.parts.items():
        start = round(passed * scale)
        passed += milliseconds
        length = max(round(passed * scale) - start, 1 if milliseconds >= 0.1 else 0)
        bar = " " * start + "█" * length
        why = PARTS.get(name, "to the gateway and back")
        if name == "preprocess" and trace.decode is not None:
            why = f"{why}; this picture decoded in {trace.decode:.1f} ms"
        lines.append(f"  {name:16} {milliseconds:9,.1f} ms  {bar:{BAR + 1}} {why}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
