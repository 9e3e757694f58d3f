"""Picture modes that tests/test_picture.py does not have, each beside a formula of its own."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handler.picture import Pixels, decode, network_input
from tests.handler.test_picture import chunk, saved, through

Planes = NDArray[np.float64]  # [height, width, channels], 0 to 255


def blocks(channels: int, side: int = 16) -> NDArray[np.uint8]:
    """Random colours in squares, which survive JPEG at quality 100: [256, 256, channels]."""
    few = np.random.default_rng(channels).integers(0, 256, (256 // side, 256 // side, channels))
    return few.repeat(side, 0).repeat(side, 1).astype(np.uint8)


def noise(*shape: int, depth: type = np.uint8) -> NDArray[np.unsignedinteger]:
    return np.random.default_rng(7).integers(0, np.iinfo(depth).max + 1, shape).astype(depth)


def rgb(planes: Planes) -> Pixels:
    """What the network would see of a picture with these colours."""
    return network_input(Image.fromarray(planes.round().clip(0, 255).astype(np.uint8)))


def assert_close(ours: Pixels, theirs: Pixels, levels: int) -> None:
    assert np.ptp(theirs) > 30  # there is something to see
    assert np.abs(ours.astype(int) - theirs).max() <= levels


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


def over_white(colours: Planes, alpha: Planes) -> Planes:
    return (colours * alpha + 255 * (255 - alpha)) / 255


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_rgba_of_many_colours(format: str) -> None:
    pixels = noise(260, 270, 4)
    # Exact: else WebP and AVIF forget the colour of what is invisible.
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    ours = through(Image.fromarray(pixels), format, **options)
    assert_close(ours, rgb(over_white(pixels[..., :3], pixels[..., 3:].astype(float))), 1)


def test_la_of_many_greys() -> None:
    pixels = noise(260, 270, 2)
    grey = over_white(pixels[..., :1], pixels[..., 1:].astype(float))
    assert_close(through(Image.fromarray(pixels, "LA"), "PNG"), rgb(grey.repeat(3, -1)), 1)


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
@pytest.mark.parametrize("transparent", [False, True])
def test_palettes(colours: int, transparent: bool) -> None:
    """A PNG's indices have as few bits as they need; each may have an alpha of its own."""
    palette, alpha = noise(colours, 3), noise(colours, 1)
    indices = noise(260, 270) & (colours - 1)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    ours = through(image, "PNG", **({"transparency": alpha.tobytes()} if transparent else {}))
    seen = over_white(palette, alpha.astype(float)) if transparent else palette.astype(float)
    assert_close(ours, rgb(seen[indices]), 1)


def png(samples: NDArray[np.unsignedinteger], colour_type: int, transparency: bytes = b"") -> bytes:
    """Pillow writes no 16-bit colours. samples: [height, width, channels]."""
    height, width, _ = samples.shape
    bits = samples.itemsize * 8
    rows = samples.astype(samples.dtype.newbyteorder(">"))
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
        + (chunk(b"tRNS", transparency) if transparency else b"")
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["L", "RGB", "LA", "RGBA"]
)
def test_sixteen_bit_pngs(colour_type: int, channels: int) -> None:
    samples = noise(260, 270, channels, depth=np.uint16)
    planes = samples / 257
    colours = planes if channels % 2 else over_white(planes[..., :-1], planes[..., -1:])
    expected = rgb(np.broadcast_to(colours, (260, 270, 3)))
    # Each loses its low byte: the colour, and the alpha that it is mixed by.
    levels = 1 if channels % 2 else 2
    assert_close(network_input(*decode(png(samples, colour_type))), expected, levels)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3)], ids=["L", "RGB"])
def test_one_colour_is_transparent(colour_type: int, channels: int) -> None:
    """tRNS (PNG specification, 11.3.2.1): of all pixels with exactly this colour."""
    samples = noise(260, 270, channels)
    samples[::2, :200] = chosen = samples[0, 0].copy()
    data = png(samples, colour_type, chosen.astype(">u2").tobytes())
    seen = np.where((samples == chosen).all(-1, keepdims=True), 255.0, samples)
    expected = rgb(np.broadcast_to(seen, (260, 270, 3)))
    assert_close(network_input(*decode(data)), expected, 1)


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
    grey = noise(260, 270)
    planes = (grey > 127) * 255 if mode == "1" else grey
    image = Image.fromarray(planes.astype(np.uint8)).convert(mode)
    data = saved(image, format, **options)
    if "tiffinfo" in options:
        assert Image.open(io.BytesIO(data)).tag_v2[262] == 0
    expected = rgb(np.stack([planes] * 3, -1).astype(float))
    assert np.array_equal(network_input(*decode(data)), expected)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiffs_of_both_byte_orders(order: str) -> None:
    samples = noise(260, 270, depth=np.uint16)
    ours = through(Image.fromarray(samples.astype(order)), "TIFF")
    assert_close(ours, rgb(np.stack([samples / 257] * 3, -1)), 1)


def test_float_tiffs_of_many_greys() -> None:
    values = np.random.default_rng(7).random((260, 270), np.float32)
    expected = rgb(np.stack([values * 255.0] * 3, -1))
    assert_close(through(Image.fromarray(values), "TIFF"), expected, 1)
    assert_close(through(Image.fromarray(values * np.float32(255)), "TIFF"), expected, 1)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_other_modes(mode: str, orientation: int) -> None:
    """The transformations of EXIF 2.32, 4.6.4 A, on what was saved upright."""
    planes = noise(300, 320, 1 if mode == "L" else 4)
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
