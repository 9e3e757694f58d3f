"""Smaller copies show what the service would have seen."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from client import shrinking
from client.errors import ServiceError
from client.shrinking import shrunk
from handler.decoding import decode
from handler.resizing import network_input
from scripts import SAMPLES
from tests.handler.pictures import bmp, chunk, noise, png, saved
from tests.handler.test_kinds import png_with_cicp
from tests.handler.test_orientation import MAKERS, TURNED, UPRIGHT, XMP, jpeg

COFFEE = Image.open(SAMPLES / "coffee.jpg").convert("RGB")
LARGE = COFFEE.resize((900, 675))
BODY = 5_000_000


def png_with(*pieces: bytes) -> bytes:
    """A picture with these chunks, each of a kind and its content, before its pixels."""
    plain = saved(LARGE, "PNG")
    more = b"".join(map(chunk, pieces[::2], pieces[1::2]))
    return plain[:33] + more + plain[33:]


BROKEN = png_with(b"cHRM", b"")


def difference(one: bytes, other: bytes) -> float:
    """Of what the network sees, in levels of 255, on average."""
    seen = [network_input(*decode(data)).astype(float) for data in (one, other)]
    return float(np.abs(seen[0] - seen[1]).mean())


@pytest.mark.parametrize("format", ["JPEG", "MPO", "PNG", "WEBP"])
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
    [*(("JPEG", number) for number in range(1, 9)), ("PNG", 6), ("WEBP", 8)],
)
def test_it_stands_upright(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = saved(LARGE, format, exif=exif)
    assert difference(picture, shrunk(picture)) < 3


# Pillow says what it finds wrong in a JPEG's EXIF.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("name", [*UPRIGHT, *TURNED])
def test_odd_metadata_turns_it_as_the_service_does(format: str, name: str) -> None:
    data = (UPRIGHT | TURNED)[name]
    picture = MAKERS[format](data + bytes(len(data) % 2))
    with warnings.catch_warnings(action="error"):
        copy = shrunk(picture)
    assert decode(copy).image.size == decode(picture).image.size


def test_much_metadata_does_no_harm() -> None:
    data = TURNED["little-endian"] + bytes(90_000)
    copy = shrunk(MAKERS["PNG"](data))
    assert decode(copy).image.size == (30, 40)
    assert decode(shrunk(jpeg(b"http://ns.adobe.com/xap/1.0/\0" + XMP))).image.size == (40, 30)


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGBA")),
        *((mode, "JPEG") for mode in ("L", "CMYK")),
        ("RGBA", "WEBP"),
    ],
)
def test_all_kinds_of_pixels(mode: str, format: str) -> None:
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
    [saved(LARGE, "JPEG")[:50_000], saved(LARGE, "PNG")[:50_000], BROKEN],
    ids=["cut JPEG", "cut PNG", "broken PNG"],
)
def test_what_can_t_be_decoded_is_told(data: bytes) -> None:
    with pytest.raises(ServiceError, match="no smaller copy can be made") as caught:
        shrunk(data)
    assert caught.value.type == "body_too_large"


DEEP = np.random.default_rng(7).integers(0, 2**16, (40, 60, 3)).astype(np.uint16)
CLEAR = np.zeros((40, 60, 4), np.uint8)  # its alpha means nothing
OTHERS = {
    "text": b"no picture",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    **{format: saved(LARGE, format) for format in ("TIFF", "BMP", "GIF", "AVIF")},
    "BMP with an alpha of zero": bmp(CLEAR, 32),
    "grey of 16 bits": png(DEEP[..., :1], 0),
    "16 bits with a transparent colour": png(DEEP, 2, DEEP[0, 0].astype(">u2").tobytes()),
    "PQ": png_with_cicp(9, 16, 0, 1),
    "linear light": png_with(b"gAMA", struct.pack(">I", 100_000)),
    "a picture beside the animation": saved(
        LARGE, "PNG", save_all=True, default_image=True, append_images=[COFFEE.resize(LARGE.size)]
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_kinds_that_the_service_treats_with_care_are_left_to_it(name: str) -> None:
    with pytest.raises(ServiceError, match="Export it as a JPEG") as caught:
        shrunk(OTHERS[name])
    assert caught.value.type == "body_too_large"
    assert "BytesIO" not in str(caught.value)


@pytest.mark.parametrize("more", [(b"sRGB", b"\0"), ()])
def test_a_screenshot_says_that_it_is_srgb(more: tuple[bytes, ...]) -> None:
    picture = png_with(*more, b"gAMA", struct.pack(">I", 100_000 if more else 45_455))
    assert difference(picture, shrunk(picture)) < 2


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
