"""What was measured here becomes the block of this kind of processor."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import record
from benchmarks.machine import kind, machine


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(record, "BLOCKS", tmp_path / "blocks")
    monkeypatch.setattr(sys, "argv", ["record"])
    record.RESULTS.mkdir()


def test_results_take_the_place_of_older_ones(capsys: pytest.CaptureFixture[str]) -> None:
    block = record.BLOCKS / kind(machine())
    block.mkdir(parents=True)
    (block / "quick.json").write_text("older")
    (block / "growth.png").write_text("kept")
    (record.RESULTS / "quick.json").write_text(json.dumps({"machine": machine()}))
    (record.RESULTS / "quick.md").write_text("new")
    assert record.main() == 0
    assert {path.name for path in block.iterdir()} == {"quick.json", "quick.md", "growth.png"}
    assert json.loads((block / "quick.json").read_text()) == {"machine": machine()}
    assert "quick.md" in capsys.readouterr().out


def test_another_processors_results_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    other = {**machine(), "vendor": "Other", "family": "1/1"}
    (record.RESULTS / "results.json").write_text(json.dumps({"machine": other}))
    assert record.main() == 1
    assert not record.BLOCKS.exists()
    assert "another processor" in capsys.readouterr().err


def test_neither_the_soaks_nor_a_stopped_runs_results_are_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (record.RESULTS / "soak.json").write_text(json.dumps({"machine": machine()}))
    (record.RESULTS / "results.partial").write_text("{}")
    assert record.main() == 1
    assert not record.BLOCKS.exists()
    assert "nothing to keep" in capsys.readouterr().err
