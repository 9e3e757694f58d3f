"""What the service has to reach beside others, on the processor at hand: required, and the goal."""

from dataclasses import dataclass
from typing import Any

from benchmarks.machine import family, has_vnni


@dataclass(frozen=True)
class Target:
    title: str
    required: float
    goal: float
    most: bool = False  # the value is to be at most that, otherwise at least

    def reaches(self, value: float, bound: float) -> bool:
        return value <= bound if self.most else value >= bound


TRITON = {
    "20": Target("20 connections, good answers a second", 1.03, 1.12),
    "lone": Target("alone, p50", 1.15, 1.0, most=True),
    "256": Target("256 connections, good answers a second", 1.03, 1.1),
    "256 p99": Target("256 connections, p99", 1.0, 0.9, most=True),
    "1000": Target("1,000 connections, good answers a second", 1.0, 1.05),
    "1000 p99": Target("1,000 connections, p99", 1.2, 1.0, most=True),
    "pss 20": Target("memory at 20 connections (PSS)", 1.45, 1.3, most=True),
    "pss 1000": Target("memory at 1,000 connections (PSS)", 1.3, 1.0, most=True),
}
# Not a ratio: milliseconds of CPU a picture, of all processes but the worker.
BESIDE = Target("CPU beside the worker, ms a picture", 0.75, 0.5, most=True)


def bare(machine: dict[str, Any]) -> dict[str, Target]:
    """A processor of another kind has to reach what one with the same instructions has to."""
    share = (0.84, 0.93) if family(machine) == "zen5" else (0.91, 0.97)
    demo = 6.2 if has_vnni(machine) else 3.7
    return {
        "int8": Target("int8 at 20 connections / bare loop", *share),
        "fp32": Target("fp32 at 20 connections / bare loop", 0.93, 0.98),
        "int8 lone": Target("int8 alone, p50 / bare loop on all cores", 1.3, 1.1, most=True),
        "fp32 lone": Target("fp32 alone, p50 / bare loop on all cores", 1.15, 1.05, most=True),
        "litserve": Target("int8 at 20 connections / LitServe", 1.2, 1.4),
        "flask": Target("int8 at 20 connections / Flask demo", demo, 7.5),
        "slowest": Target("slowest answer at 20 connections / Flask demo's", 0.2, 0.15, most=True),
    }
