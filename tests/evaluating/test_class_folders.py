"""Class folders as people have them: junk, splits, links, names."""

import os
import unicodedata
from pathlib import Path

import pytest

from scripts.evaluating.labelled import NotLabelled, read
from tests.evaluating.folders import PICTURE, picture, state, write

JUNK = {
    ".DS_Store": "is hidden",
    ".ipynb_checkpoints": "is hidden",
    "__MACOSX": "is macOS's own notes on files",
    "Thumbs.db": "is Windows' cache of thumbnails",
    "@eaDir": "is a NAS's cache of thumbnails",
    "cat/.hidden.png": "is hidden",
    "cat/desktop.ini": "is Windows' settings of a folder",
    "cat/.ipynb_checkpoints": "is hidden",
    "cat/notes.txt": "is not JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF",
    "cat/empty.jpg": "is empty",
    "cat/phone.heic": "is HEIC: export it as JPEG",
    "cat/lfs.jpg": "is a Git LFS pointer, not the file itself: git lfs pull",
    "cat/nowhere.jpg": "is a link that leads nowhere",
    "cat/round.jpg": "is a link that leads nowhere",
    "cat/back": "leads back to a folder that is read already",
    "cat/pipe.jpg": "is not a regular file",
    "loose.png": "lies beside the class folders",
}


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Two classes among everything that is taken for classes or pictures elsewhere."""
    folder = write(tmp_path / "data", ["cat/1.png", "cat/more/2.png", "dog/gif called.jpg"])
    (folder / "dog" / "gif called.jpg").write_bytes(picture(format="GIF"))
    write(
        folder,
        {
            ".DS_Store": b"\0",
            ".ipynb_checkpoints/1-checkpoint.png": PICTURE,
            "__MACOSX/cat/._1.png": PICTURE,
            "@eaDir/1.png": PICTURE,
            "Thumbs.db": b"\0",
            "loose.png": PICTURE,
            "cat/.hidden.png": PICTURE,
            "cat/.ipynb_checkpoints/1-checkpoint.png": PICTURE,
            "cat/desktop.ini": b"[.ShellClassInfo]",
            "cat/notes.txt": b"a cat",
            "cat/empty.jpg": b"",
            "cat/phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "cat/lfs.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        },
    )
    (folder / "cat" / "nowhere.jpg").symlink_to("gone.jpg")
    (folder / "cat" / "round.jpg").symlink_to("round.jpg")
    (folder / "cat" / "back").symlink_to(folder)
    os.mkfifo(folder / "cat" / "pipe.jpg")
    return folder


def test_all_junk_is_named_and_no_class(messy: Path) -> None:
    before = state(messy)
    labelled = read(messy)
    assert labelled.classes == ["cat", "dog"]
    assert [(one.path.name, one.label) for one in labelled.pictures] == [
        ("1.png", "cat"),
        ("2.png", "cat"),
        ("gif called.jpg", "dog"),
    ]
    found = {one.path.relative_to(messy).as_posix(): one.reason for one in labelled.skipped}
    assert found == JUNK
    assert state(messy) == before
    assert read(messy) == labelled


def test_classes_are_in_their_natural_order(tmp_path: Path) -> None:
    write(tmp_path, [f"{name}/{n}.png" for name in ("10", "2", "1", "b", "A") for n in (10, 9)])
    labelled = read(tmp_path)
    assert labelled.classes == ["1", "2", "10", "A", "b"]
    assert [one.path.stem for one in labelled.pictures[:2]] == ["9", "10"]


def test_empty_classes_stay_and_are_told(tmp_path: Path) -> None:
    labelled = read(write(tmp_path, ["cat/1.png", "dog/1.png", "cow/"]))
    assert labelled.counts == {"cat": 1, "cow": 0, "dog": 1}
    assert "Without a picture: cow." in labelled.notes


def test_names_equal_but_for_case_are_told(tmp_path: Path) -> None:
    labelled = read(write(tmp_path, ["Cat/1.png", "cat/1.png"]))
    assert labelled.classes == ["Cat", "cat"]
    assert "Cat, cat are equal but for case, and are classes of their own." in labelled.notes


def test_two_spellings_of_the_same_letters_are_one_class(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    labelled = read(write(tmp_path, [f"{composed}/1.png", f"{decomposed}/2.png", "tea/1.png"]))
    assert labelled.counts == {composed: 2, "tea": 1}
    assert "2 folders are named café: they are one class." in labelled.notes


@pytest.mark.parametrize("name", ["猫 “大”", "it's", 'a "b"', "x" * 100, " spaced "])
def test_unusual_names(name: str, tmp_path: Path) -> None:
    assert name.strip() in read(write(tmp_path, [f"{name}/1.png", "dog/1.png"])).classes


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("x" * 200, "at most 100"),
        *((f"a{letter}b", "without tabs") for letter in "\t\n\x85\u2028\udcff"),
    ],
)
def test_names_that_cant_be_are_refused(name: str, advice: str, tmp_path: Path) -> None:
    with pytest.raises(NotLabelled, match=advice) as refusal:
        read(write(tmp_path, [f"{name}/1.png", "dog/1.png"]))
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "dev", "test", "testing"])
def test_splits(name: str, tmp_path: Path) -> None:
    files = [f"{split}/{label}/1.png" for split in ("train", name) for label in ("ant", "bee")]
    labelled = read(write(tmp_path, files))
    assert labelled.classes == ["ant", "bee"]
    assert labelled.validation == tmp_path / name
    assert f"train is read; {name} is for validation" in labelled.notes[0]
    assert all(one.path.is_relative_to(tmp_path / "train") for one in labelled.pictures)


def test_of_several_splits_one_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    files = [f"{split}/{label}/1.png" for split in ("train", "test", "val") for label in "ab"]
    labelled = read(write(tmp_path, [*files, "x.png"]))
    assert labelled.validation == tmp_path / "val"
    assert {one.path.name for one in labelled.skipped} == {"test", "x.png"}


@pytest.mark.parametrize(
    "files",
    [
        ["train/1.png", "bus/1.png"],
        ["train/1.png", "test/1.png"],  # of railways, and of examinations
        ["train/steam/1.png", "bus/1.png"],
        ["train/steam/1.png", "bus/1.png", "test/paper/1.png"],
        ["cat/train_1.png", "dog/test_1.png"],
    ],
)
def test_what_is_only_called_like_a_split(files: list[str], tmp_path: Path) -> None:
    labelled = read(write(tmp_path, files))
    assert labelled.validation is None
    assert labelled.classes == sorted({name.split("/")[0] for name in files})
    assert len(labelled.pictures) == len(files)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "has no pictures. Put each class's pictures into a folder of its name"),
        ({"a.txt": b"x"}, r"has no pictures \(a.txt is not JPEG"),
        ({"a.png": PICTURE, "b.png": PICTURE}, "has 2 pictures, but no class folders"),
        ({"a.png": PICTURE, "labels.tsv": b"a.png\t1"}, "give that: .*labels.tsv"),
        ({"cat/1.png": PICTURE}, "has pictures of 1 class, cat; at least 2"),
        ({"cat/1.png": PICTURE, "dog/1.png": b""}, "has pictures of 1 class, cat; at least 2"),
        ({"all/cat/1.png": PICTURE, "all/dog/1.png": PICTURE}, "the folder that holds the class"),
        ({"cat/": b"", "dog/1.txt": b"x"}, r"has no pictures \(1.txt is not"),
    ],
)
def test_nothing_to_teach_with(files: dict[str, bytes], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(NotLabelled, match=sentence):
        read(write(tmp_path, files))


def test_one_class_where_it_is_enough(tmp_path: Path) -> None:
    assert read(write(tmp_path, ["cat/1.png"]), least_classes=1).classes == ["cat"]


def test_a_class_folder_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path, ["elsewhere/1.png", "data/dog/1.png"])
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "elsewhere")
    assert read(tmp_path / "data").counts == {"cat": 1, "dog": 1}


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(NotLabelled, match="there is no such folder, CSV or zip"):
        read(tmp_path / "gone")
