"""Show where a request's time went: of one sent now, or of those in access.log.

A request is named by the header X-Request-Id of its answer. access.log has those that the service
failed on, and all others after make start ACCESS_LOG=1. Exit status: 0 on success, 1 on failure.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from client.classifier import Classifier
from client.errors import ServiceError
from client.http import cause
from scripts import SAMPLES
from scripts.serving.bounds import ACCESS_LOGGED
from scripts.serving.management import running
from scripts.serving.run_directory import DEFAULT, RunDirectory

PICTURE = SAMPLES / "coffee.jpg"
BAR = 30  # characters
_HINT = "It has only failed requests unless all are logged: make stop, make start ACCESS_LOG=1"
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
        if options.id:
            traces = [_named(run, options.id)]
        elif options.slowest:
            traces = sorted(logged(run), key=lambda trace: -trace.total)[: options.slowest]
            if not traces:
                raise ServiceError("no_requests", f"access.log has no request. {_HINT}")
        else:
            traces = [send(run, options.picture)]
    except ServiceError as error:
        print(f"trace: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps([asdict(trace) for trace in traces], indent=2))
    else:
        print("\n\n".join(map(waterfall, traces)))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="ACCESS_KEY in the environment: the service's key, if it has one.",
    )
    parser.add_argument(
        "picture", type=Path, nargs="?", default=PICTURE, help="to send (default: %(default)s)"
    )
    parser.add_argument("--id", help="X-Request-Id of an answered request")
    parser.add_argument("--slowest", type=int, metavar="N", help="the N slowest of access.log")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--run-directory", type=Path, default=DEFAULT, help="default: %(default)s")
    options = parser.parse_args()
    if options.slowest is not None and options.slowest < 1:
        parser.error("--slowest: a whole number above 0")
    return options


def send(run: RunDirectory, picture: Path) -> Trace:
    """Ask for a prediction now."""
    try:
        body = picture.read_bytes()
    except OSError as error:
        raise ServiceError("no_picture", f"{picture}: {error.strerror}") from None
    state = running(run)
    classifier = Classifier(
        state.local_url,
        state.model,
        access_key=os.environ.get("ACCESS_KEY"),
        host=state.settings.domain,
    )
    classifier.is_ready()  # connects
    started = time.perf_counter()
    try:
        response = classifier.post(body)
    except requests.RequestException as error:
        raise ServiceError("unreachable", f"{state.url}: {cause(error)}") from error
    total = (time.perf_counter() - started) * 1e3
    request_id = response.headers["X-Request-Id"]
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
    for trace in logged(run, request_id):
        return trace
    raise ServiceError("unknown_request", f"access.log has no request {request_id}. {_HINT}")


def logged(run: RunDirectory, request_id: str = "") -> Iterator[Trace]:
    """The requests of access.log and the older ones beside it; all, or those of that id."""
    logs = sorted(run.logs.glob("access*.log"))
    for log in logs:
        with log.open(encoding="utf-8") as lines:
            for line in lines:
                # Without its end it is being written.
                if request_id not in line or not line.endswith("\n"):
                    continue
                entry = json.loads(line)
                if request_id in ("", entry["request_id"]):
                    yield _logged(entry)


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
    scale = BAR / max(trace.total, sum(trace.parts.values()))
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
