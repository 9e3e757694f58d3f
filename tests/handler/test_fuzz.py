from pathlib import Path

import pytest

from handler import request
from handler.payload import Payload
from tests.handler import fuzz


def test_seeds_are_read() -> None:
    assert {fuzz.result_of(*seed) for seed in fuzz.seeds()} == {"classified"}


@pytest.mark.slow
def test_mutated_bodies(tmp_path: Path) -> None:
    """The short form of `python -m tests.handler.fuzz --inputs 200000`."""
    total = fuzz.run(6_000, 0, tmp_path, 2)
    assert [found for found in total if found.startswith("!")] == []
    assert sum(total.values()) == 6_000
    assert {"classified", "corrupt_picture", "unsupported_format", "bad_json"} <= set(total)


def test_a_fault_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(data: bytes) -> None:
        raise MemoryError if data else KeyError

    monkeypatch.setattr(fuzz, "preprocess", faulty)
    assert fuzz.result_of(b"x", "", "3") == "!MemoryError: "
    monkeypatch.setattr(request, "unpack", lambda *_: Payload(b""))
    assert fuzz.result_of(b"x", "", "3") == "!internal error"
