"""Smaller copies show what the service would have seen."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from client import shrinking
from client.errors import ServiceError
from client.shrinking import shrunk
from handler.decoding import decode
from handler.resizing import network_input
from scripts import SAMPLES
from tests.handler.pictures import noise, saved

COFFEE = Image.open(SAMPLES / "coffee.jpg").convert("RGB")
LARGE = COFFEE.resize((900, 675))
BODY = 5_000_000


def difference(one: bytes, other: bytes) -> float:
    """Of what the network sees, in levels of 255, on average."""
    seen = [network_input(*decode(data)).astype(float) for data in (one, other)]
    return float(np.abs(seen[0] - seen[1]).mean())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_the_network_sees_the_same(format: str) -> None:
    picture = saved(LARGE, format)
    copy = shrunk(picture)
    assert difference(picture, copy) < 2
    assert Image.open(io.BytesIO(copy)).size == (683, 512)


def test_a_photograph_is_decoded_at_a_fraction() -> None:
    picture = saved(COFFEE.resize((5000, 3750)), "JPEG")
    assert difference(picture, shrunk(picture)) < 2


@pytest.mark.parametrize(
    ("format", "orientation"),
    [*(("JPEG", number) for number in range(1, 9)), ("PNG", 6), ("TIFF", 7), ("WEBP", 8)],
)
def test_it_stands_upright(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = saved(LARGE, format, exif=exif)
    copy = shrunk(picture)
    assert difference(picture, copy) < 3
    assert Image.open(io.BytesIO(copy)).getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGBA")),
        *((mode, "TIFF") for mode in ("CMYK", "LAB", "YCbCr")),
    ],
)
def test_all_kinds_of_pixels(mode: str, format: str) -> None:
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.applyTransform(
            LARGE, ImageCms.buildTransform(*profiles, inMode="RGB", outMode="LAB")
        )
        assert image
    else:
        image = LARGE.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(LARGE.size))
    picture = saved(image, format)
    assert difference(picture, shrunk(picture)) < (8 if mode == "1" else 3)


def test_transparent_pixels_do_not_shine_through() -> None:
    image = Image.new("RGBA", (1200, 1200), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 600, 1200))
    pixels = np.asarray(Image.open(io.BytesIO(shrunk(saved(image, "PNG")))).convert("RGB"))
    assert np.abs(pixels[250, 500].astype(int) - 255).max() < 3


@pytest.mark.parametrize("size", [(4000, 600), (600, 4000), (3000, 20)])
def test_far_ends_are_cut_off(size: tuple[int, int]) -> None:
    copy = Image.open(io.BytesIO(shrunk(saved(noise(*size), "PNG"))))
    assert max(copy.size) == 4 * min(copy.size)
    assert min(copy.size) == min(512, *size)


def test_it_is_small() -> None:
    assert len(shrunk(saved(noise(1000, 1000), "PNG"))) < BODY / 10


@pytest.mark.parametrize(
    "data",
    [
        saved(LARGE, "JPEG")[:50_000],
        saved(LARGE, "PNG")[:50_000],
        b"no picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        saved(Image.new("I;16", (600, 600)), "PNG"),
        saved(Image.new("F", (600, 600)), "TIFF"),
    ],
    ids=["cut JPEG", "cut PNG", "text", "PostScript", "16 bits", "floats"],
)
def test_what_can_t_be_made_smaller_is_told(data: bytes) -> None:
    with pytest.raises(ServiceError, match="no smaller copy can be made") as caught:
        shrunk(data)
    assert caught.value.type == "body_too_large"
    assert "BytesIO" not in str(caught.value)


def test_pixels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LARGE.width * LARGE.height - 1)
    shrunk(saved(LARGE, "JPEG"))  # without a warning, which would fail this test
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LARGE.width * LARGE.height // 3)
    with pytest.raises(ServiceError, match="no smaller copy"):
        shrunk(saved(LARGE, "JPEG"))


def test_the_profile_stays() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    copy = Image.open(io.BytesIO(shrunk(saved(LARGE, "JPEG", icc_profile=profile))))
    assert copy.info["icc_profile"] == profile


def test_bounds_are_the_page_s() -> None:
    scripts = SAMPLES.parent / "js"
    page = "".join((scripts / name).read_text() for name in ("picture.js", "canvas.js"))
    assert f"const MAX_BYTES = {shrinking.LARGEST_BODY:_};" in page
    assert f"const SHORTER_SIDE = {shrinking.SHORTER_SIDE};" in page
    assert f"export const MAX_ASPECT = {shrinking.MAX_ASPECT};" in page
    assert f"const QUALITY = {shrinking.QUALITY / 100};" in page
