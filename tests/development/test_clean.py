"""make clean and make clean-all, in a copy of the checkout."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT

MADE = (
    "model_store/.recipe-resnet18-fp32",
    "model_store/resnet18-fp32.mar",
    "model_store/resnet18-fp32.partial",
    ".run/logs/worker.log",
    ".mypy_cache/3.11/cache",
    "handler/__pycache__/errors.pyc",
)
OWN = ("model_store/mine.mar", "handler/mine.tsv", "mine.pth", "model_store/.gitkeep")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    copy = tmp_path / "main"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "*.mar", "__pycache__"))
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for name in (*MADE, *OWN):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("something")
    return copy


def make(checkout: Path, target: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["make", "--no-print-directory", target]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("target", "keeps_environment"), [("clean", True), ("clean-all", False)])
def test_ours_goes_and_the_users_stays(
    checkout: Path, target: str, keeps_environment: bool
) -> None:
    done = make(checkout, target)
    assert done.returncode == 0, done.stderr
    assert [name for name in MADE if (checkout / name).exists()] == []
    assert [name for name in OWN if not (checkout / name).exists()] == []
    assert (checkout / ".venv").exists() is keeps_environment
    assert "removed model_store/resnet18-fp32.mar" in done.stdout
    assert not (checkout / ".run").exists()
    again = make(checkout, "clean")
    assert again.stdout == "Nothing to remove\n"


@pytest.mark.parametrize("environment", [None, ".venv", ".venv-triton"])
def test_what_runs_is_left_alone(checkout: Path, environment: str | None) -> None:
    """By its run directory; and where nobody says which that is, by an environment's programs."""
    if environment:
        program = checkout / environment / "bin" / "sleep"
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shutil.which("sleep") or "", program)
        with subprocess.Popen([program, "60"]) as sleep:
            done = make(checkout, "clean-all")
            sleep.kill()
        assert "make stop first" in done.stderr
        return
    code = (
        "from scripts.serving.run_directory import *\n"
        "with RunDirectory(DEFAULT).locked(): print(flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    done = make(checkout, "clean-all")
    holder.communicate(b"\n", timeout=30)
    assert "make stop first" in done.stderr
    assert [name for name in (*MADE, *OWN) if not (checkout / name).exists()] == []


def test_a_setup_that_runs_is_left_alone(checkout: Path) -> None:
    held = os.open(checkout, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = make(checkout, "clean-all")
    os.close(held)
    assert "wait for it" in done.stderr
    assert [name for name in (*MADE, *OWN) if not (checkout / name).exists()] == []
