"""Load from wrk, which is compiled and takes few of the cores' seconds, with real pictures."""

import json
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

SCRIPT = Path(__file__).with_name("pictures.lua")


@dataclass(frozen=True)
class Door:
    """Where a server takes pictures, and how."""

    url: str
    header: str = ""  # one more: "Name: value"
    form: bool = False  # in a multipart form alone

    def post(self, picture: bytes, timeout: float) -> requests.Response:
        name, _, value = self.header.partition(": ")
        body: dict[str, Any] = {"files": {"data": picture}} if self.form else {"data": picture}
        headers = {name: value} if name else {}
        return requests.post(self.url, headers=headers, timeout=timeout, **body)


@dataclass(frozen=True)
class Load:
    """What wrk saw. Latencies in milliseconds, from the request's first byte to the answer's."""

    connections: int
    seconds: float
    answers: int  # of any status
    refused: int  # of them, other than 2xx
    broken: int  # connections that failed, or took longer than the limit
    p50: float
    p95: float
    p99: float
    max: float
    wrk_cpu_seconds: float

    @property
    def throughput(self) -> float:
        """Good answers a second."""
        return (self.answers - self.refused) / self.seconds


def drive(
    door: Door, connections: int, seconds: int, pictures: Sequence[Path], timeout: int = 60
) -> Load:
    """Send pictures for that many seconds. Raises RuntimeError where wrk fails."""
    command = [
        "wrk",
        *("--threads", "1"),
        *("--connections", str(connections)),
        *("--duration", f"{seconds}s"),
        *("--timeout", f"{timeout}s"),
        *("--script", str(SCRIPT)),
        door.url,
        *("--", "form" if door.form else "raw", door.header, *map(str, pictures)),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"wrk ended with status {done.returncode}: {done.stderr}{done.stdout}")
    seen = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Load(connections=connections, wrk_cpu_seconds=cpu, **seen)
