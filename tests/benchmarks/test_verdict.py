"""What is judged: the median of ratios within a round, against what is required here."""

from typing import Any

import pytest

from benchmarks import targets, verdict
from benchmarks.comparison import BareSide, Side, ratios
from benchmarks.targets import Target

ZEN3 = {"vendor": "AuthenticAMD", "family": "25/1", "instructions": ["avx2"]}
ZEN5 = {"vendor": "AuthenticAMD", "family": "26/2", "instructions": ["avx2", "avx512_vnni"]}


def run(number: int, target: str, throughput: float, pss: float = 1e6) -> dict[str, Any]:
    door = "gateway" if target.startswith("ours") else "direct"
    return {
        "round": number,
        "target": target,
        "door": door,
        "connections": 20,
        "throughput": throughput,
        "pss": pss,
        "max": 1000 / throughput,
        "cpu": {"worker": 9.0, "gateway": 0.5, "load generator": 0.2, "idle": 1.0},
    }


def results(*runs: dict[str, Any]) -> dict[str, Any]:
    bare = {"throughput": 100.0, "lone_ms": 10.0}
    return {"machine": ZEN3, "runs": list(runs), "bare": [{"int8": bare, "fp32": bare}]}


def test_a_slow_minute_hits_both_sides_of_a_ratio() -> None:
    measured = results(
        run(1, "ours int8", 110), run(1, "triton int8", 100),
        run(2, "ours int8", 55), run(2, "triton int8", 50),
    )  # fmt: skip
    side = Side("triton int8", 20, "throughput")
    assert ratios(measured, Side("ours int8", 20, "throughput"), side) == [1.1, 1.1]


def test_what_only_one_side_has_is_no_ratio() -> None:
    measured = results(run(1, "ours int8", 90), run(2, "ours int8", 10))
    side = BareSide("int8", "throughput")
    assert ratios(measured, Side("ours int8", 20, "throughput"), side) == [0.9]


@pytest.mark.parametrize(
    ("ours", "expected"), [(102.9, "**MISS**"), (103, "pass"), (111.9, "pass"), (112, "goal")]
)
def test_verdict(ours: float, expected: str) -> None:
    measured = results(run(1, "ours int8", ours), run(1, "triton int8", 100))
    first, *_ = verdict.against_triton(measured)
    assert first.verdict == expected
    assert expected in next(line for line in verdict.table([first], "Triton") if "20 conn" in line)


def test_less_is_better_where_that_is_said() -> None:
    at_most = Target("p50", required=1.15, goal=1.0, most=True)
    assert at_most.reaches(1.15, at_most.required)
    assert not at_most.reaches(1.16, at_most.required)


def test_memory_is_of_the_run_that_shared_it_with_nobody() -> None:
    measured = results(
        run(0, "ours int8", 100, pss=300e6), run(0, "triton int8", 100, pss=200e6),
        run(1, "ours int8", 100, pss=100e6), run(1, "triton int8", 100, pss=200e6),
    )  # fmt: skip
    (memory,) = [row for row in verdict.against_triton(measured) if "memory" in row.target.title]
    assert memory.value == 1.5


def test_without_triton_nothing_is_compared_with_it() -> None:
    assert verdict.against_triton(results(run(0, "ours int8", 100))) == []


def test_cpu_beside_the_worker_is_of_servers_alone() -> None:
    rows = verdict.against_triton(results(run(1, "ours int8", 100), run(1, "triton int8", 100)))
    assert rows[-1].value == 0.5


def test_a_processor_has_its_own_requirements() -> None:
    here, there = targets.bare(ZEN3), targets.bare(ZEN5)
    assert here["int8"].required > there["int8"].required
    assert here["flask"].required < there["flask"].required
    unknown = {"vendor": "Other", "family": "6/200", "instructions": ["avx2", "avx_vnni"]}
    assert targets.bare(unknown)["flask"] == there["flask"]
    assert targets.bare(unknown)["int8"] == here["int8"]
