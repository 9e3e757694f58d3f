"""Triton's environment: of a Python that its backend is built for, or none."""

import sys
from pathlib import Path

import pytest

from benchmarks.rivals.triton import environment


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "DIRECTORY", tmp_path / "triton")


@pytest.mark.parametrize("named", ["/bin/false", "/no/such/python"])
def test_without_a_python_it_is_left_out_in_one_sentence(
    named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITON_PYTHON", named)
    assert environment.main() == 0
    said = capsys.readouterr().out
    assert said.startswith("Triton is left out")
    assert "TRITON_PYTHON" in said
    assert said.count("\n") == 1
    assert not environment.is_ready()


def test_another_version_will_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "VERSION", "{}.{}".format(*sys.version_info))
    monkeypatch.setenv("TRITON_PYTHON", sys.executable)
    shared = [*environment._pythons()]
    monkeypatch.setattr(environment, "VERSION", "2.7")
    assert [*environment._pythons()] == []
    assert shared in ([], [sys.executable])  # where it has a shared library
