"""Corrections, renamed and new classes: versions after the first."""

import shutil
from pathlib import Path

import pytest

from scripts.serving.archives import model_of
from tests.crops import crops
from tests.teaching.lessons import labels, report, teach


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def test_corrections_and_a_new_class(known_store: Path, pictures: Path, tmp_path: Path) -> None:
    """As a zip: the version after this one; held-out pictures are judged by both."""
    wrong = tmp_path / "wrong"
    shutil.copytree(pictures, wrong)
    for i in range(3):
        (wrong / "cat" / f"0-{i}.jpg").rename(wrong / "coffee" / f"slip{i}.jpg")
    assert teach(known_store, "--data", str(wrong), "--name", "pets") == 0
    assert model_of(known_store / "pets.mar").version == "1.0"
    right = crops(tmp_path / "right", {"flower": ("flower", 8)})
    (right / "cat").mkdir()
    for i in range(3):
        shutil.copy(pictures / "cat" / f"0-{i}.jpg", right / "cat")
    options = ["--data", str(wrong), "--name", "pets", "--corrections", str(zipped(right))]
    assert teach(known_store, *options) == 0
    found = report(known_store, "pets")
    assert found["compared"]
    assert "Version 1.0 was right on" in found["compared"]
    assert len(found["classes"]) == 4
    told = "corrections: 3 pictures have another class now, 8 are new"
    assert any(one.startswith(told) for one in found["findings"])
    assert model_of(known_store / "pets.mar").version == "2.0"


def test_a_version_that_is_worse_is_kept_apart(
    known_store: Path,
    pictures: Path,
    judges: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive = (known_store / "three.mar").read_bytes()
    slips = tmp_path / "slips"
    (slips / "temple").mkdir(parents=True)
    for path in sorted((pictures / "cat").iterdir())[:9]:
        shutil.copy(path, slips / "temple")
    options = ["--data", str(pictures), "--validation", str(judges), "--corrections", str(slips)]
    assert teach(known_store, *options) == 0
    assert (known_store / "three.mar").read_bytes() == archive
    apart = known_store / "three" / "three-2.0.mar"
    assert model_of(apart) == ("three", "2.0")
    assert report(known_store)["version"] == "1.0"
    assert report(known_store, stem="report-2.0")["version"] == "2.0"
    assert "It is worse than the version before" in capsys.readouterr().out


def test_classes_become_one(known_store: Path, pictures: Path) -> None:
    options = ["--data", str(pictures), "--rename", "coffee=thing,temple=thing"]
    assert teach(known_store, *options) == 0
    assert labels(known_store / "three.mar") == ["cat", "thing"]
    assert report(known_store)["per_class"][1]["pictures"] == 24
