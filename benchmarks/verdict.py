"""The ratios that count, each beside what is required and the goal: Markdown tables."""

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks import targets
from benchmarks.comparison import BareSide, Results, Side, ratios, spread
from benchmarks.targets import BESIDE, TRITON, Target

OURS, TRITON_INT8 = "ours int8", "triton int8"


class Row(NamedTuple):
    target: Target
    ours: list[float]  # by round
    other: list[float]
    values: list[float]  # what is judged: their ratios; the median counts
    digits: int = 1  # of the first two

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def passes(self) -> bool:
        return self.target.reaches(self.value, self.target.required)

    @property
    def verdict(self) -> str:
        if not self.passes:
            return "**MISS**"
        return "goal" if self.target.reaches(self.value, self.target.goal) else "pass"


def against_triton(results: Results) -> list[Row]:
    sides = {
        "20": (20, "throughput"),
        "lone": (1, "p50"),
        "256": (256, "throughput"),
        "256 p99": (256, "p99"),
        "1000": (1000, "throughput"),
        "1000 p99": (1000, "p99"),
    }
    rows = [
        _row(results, TRITON[name], Side(OURS, *side), Side(TRITON_INT8, *side))
        for name, side in sides.items()
    ]
    for name, connections in (("pss 20", 20), ("pss 1000", 1000)):
        sizes = [
            [size / 1e6 for size in Side(target, connections, "pss").of(results).values()][:1]
            for target in (OURS, TRITON_INT8)
        ]
        # Of the first run, before there were others to share memory with. Triton may be left out.
        ratio = [one / other for one, other in zip(*sizes, strict=False)]
        rows.append(Row(TRITON[name], sizes[0], sizes[1], ratio, 0))
    ours, other = (_beside(results, target) for target in (OURS, TRITON_INT8))
    rows.append(Row(BESIDE, ours, other, ours, 2))
    return [row for row in rows if row.values and row.other]


def _beside(results: Results, target: str) -> list[float]:
    apart = ("worker", "load generator", "idle")
    return [
        sum(ms for role, ms in run["cpu"].items() if role not in apart)
        for run in Side(target, 20, "cpu").runs(results)
    ]


def against_bare(results: Results) -> list[Row]:
    wanted = targets.bare(results["machine"])
    rows = []
    for name in ("int8", "fp32"):
        at_20 = Side(f"ours {name}", 20, "throughput")
        rows.append(_row(results, wanted[name], at_20, BareSide(name, "throughput")))
    for name in ("int8", "fp32"):
        lone = Side(f"ours {name}", 1, "p50")
        rows.append(_row(results, wanted[f"{name} lone"], lone, BareSide(name, "lone_ms")))
    at_20 = Side(OURS, 20, "throughput")
    rows.append(_row(results, wanted["litserve"], at_20, Side("litserve int8", 20, "throughput")))
    rows.append(_row(results, wanted["flask"], at_20, Side("flask", 20, "throughput")))
    ours, demo = (
        [max(values)] if (values := _in_rounds(results, target)) else []
        for target in (OURS, "flask")
    )
    # Of all rounds together: the slowest of one says little.
    ratio = [one / other for one, other in zip(ours, demo, strict=False)]
    rows.append(Row(wanted["slowest"], ours, demo, ratio, 0))
    return [row for row in rows if row.values]


def _in_rounds(results: Results, target: str) -> list[float]:
    """The slowest answers, of as many loads for every server."""
    return [slowest for number, slowest in Side(target, 20, "max").of(results).items() if number]


def _row(results: Results, target: Target, one: Side, other: Side | BareSide) -> Row:
    upper, lower = (list(side.of(results).values()) for side in (one, other))
    return Row(target, upper, lower, ratios(results, one, other))


def table(rows: list[Row], other: str) -> Iterator[str]:
    yield f"| | ours | {other} | ratio | required | goal | |"
    yield "| --- | --: | --: | --: | --: | --: | --- |"
    for row in rows:
        ratio = "" if row.target is BESIDE else spread(row.values, 2)
        sign = "≤" if row.target.most else "≥"
        cells = [
            row.target.title,
            spread(row.ours, row.digits),
            spread(row.other, row.digits),
            ratio,
            f"{sign} {row.target.required:g}",
            f"{sign} {row.target.goal:g}",
            row.verdict,
        ]
        yield f"| {' | '.join(cells)} |"
