"""What a command line's files and folders hold."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from client.errors import ServiceError
from client.pictures import FORMATS, Pictures, read_picture
from handler.formats import picture_format
from scripts import SAMPLES
from tests.handler.pictures import FORMATS as SERVED
from tests.handler.pictures import noise, saved

CAT = (SAMPLES / "cat.jpg").read_bytes()
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
HEIC_OF_OTHERS = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100)
VIDEO = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(100)


def found(folder: Path) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in Pictures([str(folder)]).found]


def test_formats_are_the_service_s() -> None:
    assert sorted(FORMATS) == sorted(SERVED)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["picture", "picture.JFIF", "picture.txt", "DSC.JPG"])
def test_the_first_bytes_decide(format: str, name: str, tmp_path: Path) -> None:
    data = saved(noise(40, 30), format)
    assert picture_format(data) == format
    (tmp_path / name).write_bytes(data)
    assert found(tmp_path) == [name]


@pytest.mark.parametrize("name", ["cut.jpg", "cut.JPEG", "cut.jfif", "cut.PNG", "cut.tif"])
def test_what_claims_to_be_a_picture_is_asked_for(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"<html>")
    assert found(tmp_path) == [name]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(CAT)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.jpg").write_bytes(CAT)
    (tmp_path / "b" / "again").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    (tmp_path / ".hidden.jpg").write_bytes(CAT)
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "a.jpg").write_bytes(CAT)
    (tmp_path / "notes.TXT").write_text("BMW, GIF and JPEG")
    (tmp_path / "BM").write_text("BM is how a bitmap begins")
    (tmp_path / "empty").touch()
    (tmp_path / "film.mov").write_bytes(VIDEO)
    (tmp_path / "IMG_1.HEIC").write_bytes(HEIC)
    (tmp_path / "IMG_2").write_bytes(HEIC_OF_OTHERS)
    os.mkfifo(tmp_path / "pipe.jpg")
    pictures = Pictures([str(tmp_path), str(tmp_path / "b" / ".." / "a.jpg"), "-", "-"])
    assert pictures.found == [
        *(str(tmp_path / name) for name in ("a.jpg", "link.jpg", "b/c.jpg")),
        "-",
    ]
    assert pictures.skipped == {
        "hidden": 2, "HEIC (export it as JPEG)": 2, "named twice": 2, "link to a folder": 1,
        ".txt": 1, "without a suffix": 1, "empty": 1, ".mov": 1, "not a regular file": 1,
    }  # fmt: skip
    assert pictures.told().startswith("2 hidden, ")
    assert pictures.told().endswith(", 1 others")
    assert not pictures.unreadable


def test_what_can_t_be_read_is_no_reason_to_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    assert found(tmp_path) == ["gone.jpg"]
    with pytest.raises(ServiceError, match="can't be read: No such file"):
        read_picture(str(tmp_path / "gone.jpg"))


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder whose path is longer than any system call takes."""
    here = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(20):
            Path("d" * 250).mkdir()
            os.chdir("d" * 250)
        yield tmp_path
    finally:
        os.chdir(here)
        shutil.rmtree(tmp_path / ("d" * 250))


def test_a_folder_that_can_t_be_read(deep: Path) -> None:
    [error] = Pictures([str(deep)]).unreadable
    assert error.strerror == "File name too long"


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/mem", "/dev/zero", "/dev/full"])
def test_devices_end(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.pictures.LARGEST_FILE", 1_000_000)
    with pytest.raises(ServiceError):
        read_picture(path)


def test_names_that_are_no_letters(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\n=.jpg"
    Path(os.fsdecode(name)).write_bytes(CAT)
    [path] = Pictures([str(tmp_path)]).found
    assert os.fsencode(path) == name
    assert read_picture(path) == CAT
    with Image.open(path) as image:
        assert image.format == "JPEG"
