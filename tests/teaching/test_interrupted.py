"""Whatever ends it, an archive is whole or is not there."""

import resource
import shutil
import signal
from pathlib import Path

import pytest

from scripts.evaluating.model import Model
from scripts.serving.archives import model_of
from scripts.teaching import choosing, course
from scripts.teaching.course import alone
from tests.teaching.lessons import refused, teach, teaching

KILLED = """
import os
from pathlib import Path
replace = Path.replace
def killed(self, target):
    if target.suffix == ".mar":
        {after} and replace(self, target)
        os.kill(os.getpid(), 9)
    return replace(self, target)
Path.replace = killed
"""


@pytest.mark.parametrize(
    ("after", "version"),
    [
        (False, "1.0"),  # the new archive is written, and not yet in its place
        (True, "2.0"),  # it is, without a report
    ],
)
def test_kill_9(known_store: Path, pictures: Path, after: bool, version: str) -> None:
    before = KILLED.format(after=after)
    process = teaching(known_store, "--data", str(pictures), before=before)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, errors
    assert model_of(known_store / "three.mar") == ("three", version)
    with Model(known_store / "three.mar") as model:
        assert len(model.labels) == 3
    with alone(known_store / "three"):  # the next may begin
        pass


def test_ctrl_c_before_anything_is_learnt(
    store: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = course.look

    def interrupted(*arguments: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(course, "look", interrupted)
    assert teach(store, "--data", str(pictures)) == 130
    assert capsys.readouterr().err == "\nteach: stopped; no archive is written\n"
    assert not list(store.glob("three*.mar"))


def test_ctrl_c_keeps_the_best_so_far(
    known_store: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """While something better is tried, and while the report is written."""

    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(choosing, "with_mirrored", interrupted)
    monkeypatch.setattr(choosing, "learning_curve", interrupted)
    assert teach(known_store, "--data", str(pictures)) == 0
    told = capsys.readouterr().out
    assert "Stopped: what is best so far is kept" in told
    assert "Stopped: the archive is whole, but has no report of its own" in told
    assert model_of(known_store / "three.mar").version == "2.0"


# For what was seen of the pictures; for the archive.
@pytest.mark.parametrize("size", [1000, 48_000_000])
def test_a_disk_that_fills(
    known_store: Path,
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    size: int,
) -> None:
    """A limit on the size of files is refused as a full disk is."""
    archive = (known_store / "three.mar").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        status = teach(known_store, "--data", str(pictures))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in refused(capsys, status)
    assert (known_store / "three.mar").read_bytes() == archive
    assert not list(known_store.rglob("*.partial"))


def test_a_disk_that_is_too_small(
    known_store: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before a picture is looked at."""
    [base] = known_store.glob("resnet18-*.mar")
    base.unlink()
    with base.open("wb") as file:
        file.truncate(shutil.disk_usage(known_store).total)  # takes no space
    assert teach(known_store, "--data", str(pictures)) == 1
    assert "MB of disk space in" in capsys.readouterr().err
