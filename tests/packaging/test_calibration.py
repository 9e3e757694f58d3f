from pathlib import Path

import numpy as np
import pytest

from handler.decoding import decode
from handler.resizing import network_input
from scripts import SAMPLES
from scripts.packaging import calibration
from scripts.packaging.calibration import MIN_PICTURES, from_folder, from_samples

CAT, COFFEE = ((SAMPLES / f"{name}.jpg").read_bytes() for name in ("cat", "coffee"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Cats at even places, cups at odd ones."""
    for i in range(MIN_PICTURES):
        (tmp_path / f"{i:03}.jpg").write_bytes(COFFEE if i % 2 else CAT)
    return tmp_path


def test_every_second_picture_calibrates(folder: Path) -> None:
    (folder / "readme.txt").write_text("not a picture")
    (folder / "zz.jpg").write_bytes(CAT[:5000])
    pictures = from_folder(folder, 1000)
    for pixels, data in ((pictures.calibrating, CAT), (pictures.judging, COFFEE)):
        assert pixels.shape == (MIN_PICTURES / 2, 224, 224, 3)
        assert all(np.array_equal(each, network_input(*decode(data))) for each in pixels)
    assert pictures.class_ids is None
    assert pictures.origin == f"half of {folder.name}/, 1 unreadable left out"


def test_a_table_gives_the_right_classes(folder: Path) -> None:
    rows = [f"{i:03}.jpg\t{i}" for i in range(MIN_PICTURES)]
    (folder / "labels.tsv").write_text("\n".join(["file\tclass_id", *rows]) + "\n")
    assert from_folder(folder, 1000).class_ids == list(range(1, MIN_PICTURES, 2))
    assert not from_folder(folder, 1000).is_of_other_classes
    others = from_folder(folder, MIN_PICTURES - 1)
    assert others.class_ids is None
    assert others.is_of_other_classes


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("file\tclass_id\n000.jpg\t1\n", "has no line for 001.jpg"),
        ("file,class_id\n000.jpg,1\n", "line 2: a file and its class_id are needed"),
        ("file\tclass_id\n000.jpg\tcat\n", "line 2: a file and its class_id are needed"),
        ("file\tclass_id\n000.jpg\n", "line 2: a file and its class_id are needed"),
    ],
)
def test_a_table_that_can_not_be_used(folder: Path, table: str, sentence: str) -> None:
    (folder / "labels.tsv").write_text(table)
    with pytest.raises(ValueError, match=sentence):
        from_folder(folder, 1000)


def test_the_whole_of_a_large_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders by class come one after another: none may be left out."""
    monkeypatch.setattr(calibration, "MAX_CALIBRATING", MIN_PICTURES)
    for i in range(MIN_PICTURES, 4 * MIN_PICTURES - 1):
        (folder / f"{i:03}.jpg").symlink_to(folder / "000.jpg")
    rows = [f"{i:03}.jpg\t{i}" for i in range(4 * MIN_PICTURES)]
    # With a byte order mark, as spreadsheets write it.
    table = "\n".join(["file\tclass_id", *rows])
    (folder / "labels.tsv").write_text(table, "utf-8-sig")
    class_ids = from_folder(folder, 1000).class_ids
    assert class_ids and class_ids[-1] >= 4 * MIN_PICTURES - 4


def test_too_few_pictures(folder: Path) -> None:
    (folder / "000.jpg").unlink()
    with pytest.raises(ValueError, match=f"has {MIN_PICTURES - 1} readable pictures"):
        from_folder(folder, 1000)


def test_samples_calibrate_and_judge_with_different_windows() -> None:
    pictures = from_samples(1000)
    assert not pictures.is_of_other_classes
    assert from_samples(5).is_of_other_classes
    assert pictures.calibrating.shape == (150, 224, 224, 3)
    assert pictures.judging.shape == (96, 224, 224, 3)
    for judging in pictures.judging:
        assert not any(np.array_equal(judging, each) for each in pictures.calibrating)
