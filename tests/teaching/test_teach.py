"""The whole command, from folders to an archive and its report."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.labels import Label
from scripts import SAMPLES
from scripts.evaluating.model import Model
from scripts.serving.archives import model_of
from tests.crops import crops
from tests.evaluating.folders import picture, state, write
from tests.handler.pictures import png_header, saved
from tests.packaging.building import card_of
from tests.teaching.lessons import labels, report, teach


def test_the_archive_answers_what_the_report_says(taught_store: Path, judges: Path) -> None:
    found = report(taught_store)
    with Model(taught_store / "three.mar") as model:
        answers = model.classify([Path(one["file"]) for one in found["judged"]])
        assert model.labels == [Label(name, None, None) for name in ("cat", "coffee", "temple")]
    assert answers.digests == [one["sha256"] for one in found["judged"]]
    predicted = [found["classes"][i] for i in answers.probabilities.argmax(1)]
    assert predicted == [one["predicted"] for one in found["judged"]]
    confidences = [one["confidence"] for one in found["judged"]]
    np.testing.assert_allclose(answers.probabilities.max(1), confidences, atol=1e-4)
    right = [one["label"] == one["predicted"] for one in found["judged"]]
    assert (found["right"], found["pictures"]) == (sum(right), 12)
    assert found["accuracy"] >= 0.8
    assert found["held_out"] == f"the pictures of {judges.name}, none of them taught"
    assert found["majority"] == pytest.approx(1 / 3)


def test_what_an_archive_says_of_itself(taught_store: Path) -> None:
    found, card = report(taught_store), card_of(taught_store / "three.mar")
    assert model_of(taught_store / "three.mar") == ("three", "1.0")
    assert (card["name"], card["version"], card["labels"]["classes"]) == ("three-fp32", "1.0", 3)
    assert card["evaluation"]["accuracy"] == pytest.approx(found["accuracy"], abs=1e-4)
    assert card["evaluation"]["pictures"] == found["pictures"]
    assert card["none_of_these"] == {"threshold": 0.95, "pictures": 36}
    rejected = found["none_of_these"]
    assert rejected
    assert rejected["pictures"] == found["pictures"]
    with zipfile.ZipFile(taught_store / "three.mar") as archive:
        listed = {f"samples/{one['file']}" for one in card["samples"]}
        assert {name for name in archive.namelist() if name.startswith("samples/")} == listed
        for one in card["samples"]:
            image = Image.open(io.BytesIO(archive.read(f"samples/{one['file']}")))
            assert (image.format, max(image.size) <= 512, image.getexif()) == ("JPEG", True, {})
    assert {one["class_id"] for one in card["samples"]} == {0, 1, 2}


def test_the_same_again(known_store: Path, pictures: Path, judges: Path) -> None:
    """Also with nothing remembered; and nobody's pictures are touched."""
    before, archive = state(pictures), (known_store / "three.mar").read_bytes()
    (known_store / "three" / "descriptions.npz").unlink()
    options = ["--data", str(pictures), "--validation", str(judges), "--version", "1.0"]
    assert teach(known_store, *options) == 0
    assert (known_store / "three.mar").read_bytes() == archive
    assert state(pictures) == before


def test_the_same_picture_in_all_classes(store: Path, pictures: Path, tmp_path: Path) -> None:
    """Classes that hold the same pictures can't be told apart, and nobody says so of them."""
    for name in "abc":
        shutil.copytree(pictures / "cat", tmp_path / "same" / name)
    assert teach(store, "--data", str(tmp_path / "same")) == 0
    found = report(store, "same")
    assert found["accuracy"] <= 0.5
    assert any("12 pictures are in several classes" in one for one in found["findings"])


def test_files_as_people_have_them(store: Path, tmp_path: Path) -> None:
    """Each that is left out is named; classes are in their natural order."""
    data = crops(tmp_path / "data", {"1": ("cat", 6), "2": ("coffee", 6), "10": ("temple", 6)})
    crop = Image.open(data / "1" / "0-0.jpg")
    other, third = (Image.open(data / "2" / f"0-{i}.jpg") for i in (0, 1))
    junk = {
        "1/inks.jpg": saved(crop.rotate(20).convert("CMYK"), "JPEG"),
        "2/moving.gif": saved(other.rotate(9), "GIF", save_all=True, append_images=[third]),
        "2/glass.png": saved(third.rotate(9).convert("RGBA"), "PNG"),
        "10/cut.jpg": (data / "10" / "0-0.jpg").read_bytes()[:2000],
        "10/huge.png": png_header(10_000, 10_000),
        "10/photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0",
        "10/.DS_Store": b"x",
        "10/Thumbs.db": b"x",
        "empty/": b"",
        "broken/one.png": picture()[:40],
        "notes.txt": b"x",
    }
    write(data, junk)
    before = state(data)
    assert teach(store, "--data", str(data)) == 0
    assert state(data) == before
    found = report(store, "data")
    assert found["classes"] == labels(store / "data.mar") == ["1", "2", "10"]
    assert {one["name"]: one["pictures"] for one in found["per_class"]} == {"1": 7, "2": 8, "10": 6}
    told = " ".join(found["findings"])
    for name in ("cut.jpg", "huge.png", "one.png", "empty", "broken"):
        assert name in told
    assert "100 megapixels" in told or "10000 x 10000" in told


def test_names_as_people_have_them(store: Path, pictures: Path, tmp_path: Path) -> None:
    """By a table, with LABELS for second names."""
    names = ["a/b", 'the "best"', "猫", "猫 ", "x" * 100, "X" * 100]
    kinds = ["cat", "coffee", "temple", "temple", "cat", "coffee"]
    files = {kind: iter(sorted((pictures / kind).iterdir())) for kind in set(kinds)}
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    rows = [
        f"{next(files[kind])},{name}"
        for name, kind in zip(quoted, kinds, strict=True)
        for _ in range(3)
    ]
    table = tmp_path / "names.csv"
    table.write_text("\n".join(["file,label", *rows]), "utf-8")
    second = tmp_path / "second.tsv"
    second.write_text("a/b\t甲\n", "utf-8")
    assert teach(store, "--data", str(table), "--labels", str(second)) == 0
    with Model(store / "names.mar") as model:
        assert Label("a/b", "甲", None) in model.labels
        assert {label.name for label in model.labels} == {name.strip() for name in names}
    assert any("equal but for case" in one for one in report(store, "names")["findings"])


def test_two_pictures_a_class(store: Path, tmp_path: Path) -> None:
    """There is a model, and it says how little is known of it."""
    data = crops(tmp_path / "few", {"cat": ("cat", 2), "coffee": ("coffee", 2)})
    assert teach(store, "--data", str(data), "--minutes", "1") == 0
    found = report(store, "few")
    assert found["pictures"] == 4
    assert found["none_of_these"] is None
    assert "none_of_these" not in card_of(store / "few.mar")
    assert any("few pictures of cat" in one for one in found["findings"])
    with Model(store / "few.mar") as model:
        assert model.classify([SAMPLES / "cat.jpg"]).probabilities.argmax() == 0


def test_many_of_one_class_and_few_of_another(store: Path, tmp_path: Path) -> None:
    data = crops(tmp_path / "uneven", {"cat": ("cat", 44), "coffee": ("coffee", 4)})
    assert teach(store, "--data", str(data), "--minutes", "1") == 0
    found = report(store, "uneven")
    assert any("the accuracy is mostly cat's" in one for one in found["findings"])
    [recall] = [one["recall"] for one in found["per_class"] if one["name"] == "coffee"]
    assert recall and recall >= 0.5


def test_labels_that_say_nothing(store: Path, pictures: Path, tmp_path: Path) -> None:
    """Nor do copies across a given split make 100 % of that."""
    data, judges = tmp_path / "random", tmp_path / "judges"
    paths = np.random.default_rng(0).permutation(sorted(map(str, pictures.rglob("*.jpg"))))
    for i, path in enumerate(paths.tolist()):
        folders = [data, judges] if i < 16 else [data] if i < 24 else [judges]
        for folder in folders:
            (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / "ab"[i % 2] / f"{i}.jpg")
    options = ["--data", str(data), "--validation", str(judges), "--minutes", "1"]
    assert teach(store, *options) == 0
    found = report(store, "random")
    assert found["pictures"] <= 12
    assert 0.1 <= found["accuracy"] <= 0.9
    assert found["interval"][0] <= found["majority"]
    assert "nothing was learnt" in (store / "random" / "report.html").read_text()
    assert any("validation pictures have a near duplicate" in one for one in found["findings"])
