import numpy as np
import pytest

from handler.formats import picture_format
from tests.handler.pictures import FORMATS, bmp, gradient, saved


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_told_by_its_first_bytes(format: str) -> None:
    data = saved(gradient(31, 26), format)
    assert picture_format(data) == picture_format(data[:256]) == format


def test_pictures_of_phones_are_jpegs() -> None:
    """Pillow calls those with a second picture MPO."""
    image = gradient(31, 26)
    assert picture_format(saved(image, "MPO", save_all=True, append_images=[image])) == "JPEG"


@pytest.mark.parametrize("header", [12, 40, 64, 108, 124])
def test_bitmaps_of_every_header(header: int) -> None:
    assert picture_format(bmp(np.zeros((2, 2, 3), np.uint8), 24, header)) == "BMP"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
        # A brand beyond the file-type box's own length does not count.
        b"\0\0\0\x10ftypheic\0\0\0\0avif" + bytes(40),
        b"RIFF\0\0\0\0WAVE" + bytes(40),
        b"BM is how a bitmap begins",
        b"BM",
    ],
    ids=["nothing", "text", "SVG", "PDF", "HEIC", "HEIC then avif", "WAVE", "BM and text", "BM"],
)
def test_other_files(data: bytes) -> None:
    assert picture_format(data) is None
