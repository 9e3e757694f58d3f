"""Zips of class folders: from every system, and those that mean harm."""

import struct
import zipfile
from pathlib import Path

import pytest

from client.pictures import LARGEST_FILE
from scripts.evaluating.labelled import NotLabelled, read
from tests.evaluating.folders import PICTURE

FILES = ["cat/1.png", "dog/1.png"]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def zipped(tmp_path: Path, names: list[str]) -> Path:
    path = tmp_path / "corrections.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, PICTURE)
    return path


@pytest.mark.parametrize(
    "names",
    [
        FILES,
        [f"my pictures/{name}" for name in FILES],
        [*(f"my pictures/{name}" for name in FILES), "__MACOSX/my pictures/._1.png"],
        [name.replace("/", "\\") for name in FILES],
        ["cat/", "dog/", *FILES],
    ],
)
def test_class_folders(names: list[str], tmp_path: Path, scratch: Path) -> None:
    labelled = read(zipped(tmp_path, names), scratch=scratch)
    assert labelled.counts == {"cat": 1, "dog": 1}
    assert all(one.path.is_relative_to(scratch) for one in labelled.pictures)


def test_one_class_alone(tmp_path: Path, scratch: Path) -> None:
    assert read(zipped(tmp_path, ["cat/1.png"]), 1, scratch).classes == ["cat"]


def test_names_whose_letters_are_not_told(tmp_path: Path, scratch: Path) -> None:
    """As macOS writes them: UTF-8, without the flag that says so."""
    path = zipped(tmp_path, ["猫/1.png", "狗/1.png"])
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = data.find(mark)
        while start >= 0:
            struct.pack_into("<H", data, start + at, 0)
            start = data.find(mark, start + 4)
    path.write_bytes(data)
    assert set(read(path, scratch=scratch).classes) == {"猫", "狗"}


@pytest.mark.parametrize(
    "name", ["../x.png", "cat/../../x.png", "/etc/x.png", "C:\\x.png", "..\\x.png", "C:x.png"]
)
def test_what_would_be_written_elsewhere_is_refused(
    name: str, tmp_path: Path, scratch: Path
) -> None:
    with pytest.raises(NotLabelled, match="outside of its folder"):
        read(zipped(tmp_path, [*FILES, name]), scratch=scratch)
    assert not list(scratch.iterdir())


def test_bombs_by_number_and_by_size(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.evaluating.unpacking.MOST_FILES", 10)
    path = zipped(tmp_path, [f"cat/{n}.png" for n in range(11)])
    with pytest.raises(NotLabelled, match=r"has 11 files"):
        read(path, scratch=scratch)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("cat/1.png", "w") as member,
    ):
        for _ in range(LARGEST_FILE // 10**7 + 1):
            member.write(bytes(10**7))
    assert path.stat().st_size < 1e6
    with pytest.raises(NotLabelled, match="is no picture"):
        read(path, scratch=scratch)
    monkeypatch.setattr("scripts.evaluating.unpacking.MOST_BYTES", LARGEST_FILE)
    with pytest.raises(NotLabelled, match="the limits are"):
        read(path, scratch=scratch)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_compression(method: int, tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "corrections.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("cat/1.png", PICTURE)
    data = bytearray(path.read_bytes())
    start = 30 + len("cat/1.png")
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(NotLabelled) as caught:
        read(path, scratch=scratch)
    assert str(path) in str(caught.value)
    assert "None" not in str(caught.value)


def test_damaged_ones(tmp_path: Path, scratch: Path) -> None:
    path = zipped(tmp_path, FILES)
    whole = path.read_bytes()
    for broken in (whole[:-30], b"not a zip", b"", whole.replace(PICTURE, bytes(len(PICTURE)))):
        path.write_bytes(broken)
        with pytest.raises(NotLabelled, match="is damaged, or no zip"):
            read(path, scratch=scratch)


def test_a_password(tmp_path: Path, scratch: Path) -> None:
    path = zipped(tmp_path, FILES)
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.find(b"PK\1\2") + 8, 1)
    path.write_bytes(data)
    with pytest.raises(NotLabelled, match="asks for a password"):
        read(path, scratch=scratch)


def test_without_a_place_to_unpack_it(tmp_path: Path) -> None:
    with pytest.raises(NotLabelled, match=r"neither a folder nor a CSV\. Unpack it"):
        read(zipped(tmp_path, FILES))
