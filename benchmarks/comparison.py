"""Ratios of what was measured within the same round, when the machine was as fast or as slow."""

import statistics
from typing import Any, NamedTuple

Results = dict[str, Any]


class Side(NamedTuple):
    """A server's figure."""

    target: str
    connections: int
    field: str

    def of(self, results: Results) -> dict[int, float]:
        """By round."""
        return {run["round"]: float(run[self.field]) for run in self.runs(results)}

    def runs(self, results: Results) -> list[dict[str, Any]]:
        door = "gateway" if self.target.startswith("ours") else "direct"
        wanted = (self.target, door, self.connections)
        return [
            run
            for run in results["runs"]
            if (run["target"], run["door"], run["connections"]) == wanted
        ]


class BareSide(NamedTuple):
    """A figure of the bare loop."""

    precision: str
    field: str

    def of(self, results: Results) -> dict[int, float]:
        rounds = enumerate(results["bare"], 1)
        return {number: float(each[self.precision][self.field]) for number, each in rounds}


def ratios(results: Results, one: Side, other: Side | BareSide) -> list[float]:
    """One over the other, of each round that has both."""
    upper, lower = one.of(results), other.of(results)
    return [upper[number] / lower[number] for number in upper if lower.get(number)]


def spread(values: list[float], digits: int = 1) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"
