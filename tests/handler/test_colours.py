"""Colour spaces and depths that become 8 bits, each compared with a formula of its own."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handler.colours import eight_bit
from handler.decoding import decode
from handler.resizing import network_input
from tests.handler.pictures import (
    Planes,
    assert_close,
    chunk,
    noise,
    noisy_planes,
    over_white,
    rgb,
    saved,
    through,
)


@pytest.mark.parametrize(("mode", "format"), [("L", "PNG"), ("1", "PNG"), ("CMYK", "TIFF")])
def test_modes_without_alpha_become_rgb(mode: str, format: str) -> None:
    image = noise(240, 230).convert(mode)
    assert np.array_equal(through(image, format), network_input(image.convert("RGB")))


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    pixels = through(Image.new("RGB", (64, 64), (200, 100, 50)).convert("CMYK"), "JPEG")
    assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 4


LEVELS = np.tile(np.arange(256, dtype=np.uint8), (256, 1))


@pytest.mark.parametrize(
    ("values", "format"),
    [
        (LEVELS.astype(np.uint16) * 257, "PNG"),
        (LEVELS.astype(np.uint16) * 257, "TIFF"),
        (LEVELS.astype(np.int32) * 257, "TIFF"),
        ((LEVELS / 255).astype(np.float32), "TIFF"),
        (LEVELS.astype(np.float32), "TIFF"),
    ],
    ids=["I;16 PNG", "I;16 TIFF", "I", "F to 1", "F to 255"],
)
def test_deep_pictures_scale_to_eight_bits(values: NDArray[Any], format: str) -> None:
    expected = network_input(Image.fromarray(LEVELS))
    assert np.array_equal(through(Image.fromarray(values), format), expected)


@pytest.mark.parametrize(("value", "seen"), [(np.nan, 0), (-np.inf, 0), (np.inf, 255)])
def test_floats_beyond_any_picture(value: float, seen: int) -> None:
    pixels = through(Image.fromarray(np.full((9, 9), value, np.float32)), "TIFF")
    assert np.unique(pixels).tolist() == [seen]


def blocks(channels: int, side: int = 16) -> NDArray[np.uint8]:
    """Random colours in squares, which survive JPEG at quality 100: [256, 256, channels]."""
    few = np.random.default_rng(channels).integers(0, 256, (256 // side, 256 // side, channels))
    return few.repeat(side, 0).repeat(side, 1).astype(np.uint8)


def adobe_jpeg(planes: NDArray[np.uint8], transform: int | None) -> bytes:
    """A baseline JPEG of these four planes as they are, not subsampled.

    transform: of its Adobe marker (Adobe Technical Note 5116: 0 is CMYK, 2 is YCCK); None: it has
    none. Pillow writes CMYK inverted, with a marker that says 0.
    """
    data = saved(Image.fromarray(255 - planes, "CMYK"), "JPEG", quality=100)
    start = data.index(b"\xff\xee\x00\x0eAdobe")
    end = start + 16
    if transform is None:
        return data[:start] + data[end:]
    return data[: end - 1] + bytes([transform]) + data[end:]


def ycc_to_rgb(y: Planes, cb: Planes, cr: Planes) -> Planes:
    """JFIF 1.02."""
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    return np.stack([red, green, blue], -1).clip(0, 255)


@pytest.mark.parametrize("transform", [0, 2, None])
def test_four_channel_jpegs(transform: int | None) -> None:
    """Stored is how much ink is missing: Adobe's way, and browsers' also where no marker says so.

    YCCK is YCbCr of the complement of that, with the key as it is.
    """
    stored = blocks(4)
    missing, key = stored[..., :3].astype(float), stored[..., 3:]
    if transform == 2:
        missing = 255 - ycc_to_rgb(*np.moveaxis(missing, -1, 0))
    data = adobe_jpeg(stored, transform)
    assert_close(network_input(*decode(data)), rgb(missing * key / 255), 3)


@pytest.mark.parametrize(
    ("marker", "is_ycc"),
    [
        (b"\xff\xee\x00\x0eAdobe\x00\x64" + bytes(4) + b"\x00", False),
        (b"\xff\xee\x00\x0eAdobe\x00\x64" + bytes(4) + b"\x01", True),
        (b"", True),
    ],
    ids=["Adobe RGB", "Adobe YCbCr", "neither"],
)
def test_three_channel_jpegs(marker: bytes, is_ycc: bool) -> None:
    """Without JFIF's marker, Adobe's says whether the planes are RGB."""
    stored = blocks(3)
    data = saved(Image.fromarray(stored, "YCbCr"), "JPEG", quality=100, subsampling=0)
    assert data[2:4] == b"\xff\xe0"
    length = int.from_bytes(data[4:6], "big")
    data = data[:2] + marker + data[4 + length :]
    planes = stored.astype(float)
    expected = rgb(ycc_to_rgb(*np.moveaxis(planes, -1, 0)) if is_ycc else planes)
    assert_close(network_input(*decode(data)), expected, 3)


WHITE_IS_ZERO = {262: 0}  # TIFF 6.0, PhotometricInterpretation


@pytest.mark.parametrize(
    ("mode", "format", "options"),
    [
        ("1", "PNG", {}),
        ("1", "BMP", {}),
        ("1", "TIFF", {}),
        ("1", "TIFF", {"tiffinfo": WHITE_IS_ZERO}),
        ("1", "TIFF", {"compression": "group4"}),
        ("L", "PNG", {}),
        ("L", "TIFF", {}),
        ("L", "TIFF", {"tiffinfo": WHITE_IS_ZERO}),
    ],
)
def test_black_is_black(mode: str, format: str, options: dict[str, object]) -> None:
    grey = noisy_planes(260, 270)
    planes = (grey > 127) * 255 if mode == "1" else grey
    image = Image.fromarray(planes.astype(np.uint8)).convert(mode)
    data = saved(image, format, **options)
    if "tiffinfo" in options:
        assert Image.open(io.BytesIO(data)).tag_v2[262] == 0
    expected = rgb(np.stack([planes] * 3, -1).astype(float))
    assert np.array_equal(network_input(*decode(data)), expected)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiffs_of_both_byte_orders(order: str) -> None:
    samples = noisy_planes(260, 270, depth=np.uint16)
    actual = through(Image.fromarray(samples.astype(order)), "TIFF")
    assert_close(actual, rgb(np.stack([samples / 257] * 3, -1)), 1)


def test_float_tiffs_of_many_greys() -> None:
    values = np.random.default_rng(7).random((260, 270), np.float32)
    expected = rgb(np.stack([values * 255.0] * 3, -1))
    assert_close(through(Image.fromarray(values), "TIFF"), expected, 1)
    assert_close(through(Image.fromarray(values * np.float32(255)), "TIFF"), expected, 1)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_other_modes(mode: str, orientation: int) -> None:
    """The transformations of EXIF 2.32, 4.6.4 A, on what was saved upright."""
    planes = noisy_planes(300, 320, 1 if mode == "L" else 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(planes[..., 0] if mode == "L" else planes, mode)
    turned = np.rot90(planes, {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation])
    if orientation in (2, 4, 5, 7):
        turned = turned[:, ::-1] if orientation in (2, 4) else turned[::-1]
    ink = turned.astype(float)
    expected = (
        ink.repeat(3, -1) if mode == "L" else (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    )
    assert_close(through(image, "TIFF", exif=exif), rgb(expected), 1)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("gamma", [1.0, 0.55556, 0.45455])
def test_a_png_of_another_gamma(mode: str, gamma: float) -> None:
    """gAMA (PNG specification, 11.3.2.2): light is the level to the power of 1 / gamma."""
    levels = noisy_planes(260, 270)
    data = saved(Image.fromarray(levels).convert(mode), "PNG")
    data = data[:33] + chunk(b"gAMA", struct.pack(">I", round(gamma * 1e5))) + data[33:]
    # A curve of 1 / 2.2 lies within a few levels of sRGB's, except in the deepest shadows.
    expected = (levels / 255) ** (1 / gamma / 2.2) * 255
    shown = np.asarray(eight_bit(decode(data).image).convert("L")).astype(float)
    assert np.abs(shown - expected)[levels > 20].max() < 7
    unchanged = np.array_equal(shown, levels)
    assert unchanged == (gamma == 0.45455)


def test_alpha_is_laid_over_white_after_the_gamma() -> None:
    """As browsers do: colours are converted, and then mixed."""
    levels = noisy_planes(260, 270, 4)
    data = saved(Image.fromarray(levels), "PNG")
    linear = data[:33] + chunk(b"gAMA", struct.pack(">I", 100_000)) + data[33:]
    colours, alpha = (levels[..., :3] / 255) ** (1 / 2.2) * 255, levels[..., 3:].astype(float)
    shown = np.asarray(eight_bit(decode(linear).image)).astype(float)
    assert np.abs(shown - over_white(colours, alpha))[levels[..., :3] > 20].max() < 7


@pytest.mark.parametrize("chunks", [[b"sRGB"], [b"iCCP"]], ids=str)
def test_gamma_comes_last(chunks: list[bytes]) -> None:
    contents = {b"sRGB": b"\0", b"iCCP": b"x\0\0" + zlib.compress(b"profile")}
    levels = noisy_planes(260, 270)
    data = saved(Image.fromarray(levels), "PNG")
    more = b"".join(chunk(kind, contents[kind]) for kind in chunks)
    data = data[:33] + more + chunk(b"gAMA", struct.pack(">I", 100000)) + data[33:]
    assert np.array_equal(np.asarray(decode(data).image), levels)
