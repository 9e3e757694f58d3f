from pathlib import Path

from tests import fuzz


def test_seeds_are_read() -> None:
    assert {fuzz.outcome(*seed) for seed in fuzz.seeds()} == {"classified"}


def test_mutated_bodies(tmp_path: Path) -> None:
    """The short form of `python -m tests.fuzz --inputs 200000`."""
    total = fuzz.run(6_000, 0, tmp_path, 2)
    assert [found for found in total if found.startswith("!")] == []
    assert sum(total.values()) == 6_000
    assert {"classified", "corrupt_picture", "unsupported_format", "bad_json"} <= set(total)


def test_a_finding_is_reported(tmp_path: Path) -> None:
    """What is none of the contract's answers begins with '!'."""
    assert fuzz.outcome(b"x", "", "3") == "unsupported_format"
    assert fuzz.outcome(7, "", "3") == "bad_json"  # type: ignore[arg-type]
