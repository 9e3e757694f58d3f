"""Kinds of TIFF, each compared with the values that it was made from."""

import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from handler.decoding import decode
from handler.errors import CorruptPicture, UnsupportedKind
from handler.resizing import network_input
from tests.handler.pictures import assert_close, gradient, noisy_planes, over_white, rgb, saved
from tests.handler.tiffs import big_tiff, tiff

WHITE, BLACK, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = {338: (0,)}, {338: (1,)}, {338: (2,)}
EXTRA_SAMPLES = (UNSPECIFIED, ASSOCIATED, UNASSOCIATED)
GREY = noisy_planes(250, 245, 1)
COLOURS = noisy_planes(250, 245, 3)
ALPHA = np.tile(np.linspace(0, 255, 245).round().astype(np.uint8), (250, 1))[..., None]

# How the samples may lie: order, tiles, compression
PACKINGS: list[dict[str, Any]] = [
    {"order": "<"},
    {"order": ">"},
    {"order": "<", "tile": 64, "deflated": True},
    {"order": ">", "tile": 64},
    {"order": ">", "deflated": True},
]


def seen(data: bytes) -> Any:
    return network_input(*decode(data))


def wide(planes: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    """The same levels of another type: from black to white the whole of its range, or 0 to 1."""
    if dtype[0] == "f":
        return (planes / 255).astype(dtype)
    bits = 8 * int(dtype[1:])
    levels = planes.astype(np.uint64) * np.uint64((2**bits - 1) // 255)
    return (levels - np.uint64(2 ** (bits - 1) if dtype[0] == "i" else 0)).astype(dtype)


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
@pytest.mark.parametrize("photometric", [WHITE, BLACK])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4"])
def test_grey(dtype: str, photometric: int, packing: dict[str, Any]) -> None:
    levels = GREY if photometric == BLACK else 255 - GREY
    data = tiff(wide(GREY, dtype), photometric, **packing)
    assert_close(seen(data), rgb(levels.repeat(3, -1).astype(float)), 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("photometric", [WHITE, BLACK, PALETTE])
@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_few_bits(bits: int, photometric: int, deflated: bool, order: str) -> None:
    samples = GREY >> (8 - bits)
    grey = samples * (255 // (2**bits - 1))
    palette = noisy_planes(3, 2**bits)
    expected = {WHITE: 255 - grey, BLACK: grey, PALETTE: palette.T[samples[..., 0]]}[photometric]
    more = (
        {320: tuple((palette.ravel().astype(int) * 257).tolist())} if photometric == PALETTE else {}
    )
    data = tiff(samples, photometric, bits=bits, order=order, deflated=deflated, more=more)
    assert_close(seen(data), rgb(np.broadcast_to(expected, (250, 245, 3)).astype(float)), 1)


def test_a_palette_of_eight_bits() -> None:
    """Some writers store 0 to 255 where the specification has 0 to 65535."""
    palette = noisy_planes(3, 256)
    data = tiff(GREY, PALETTE, more={320: tuple(palette.ravel().tolist())})
    assert_close(seen(data), rgb(palette.T[GREY[..., 0]].astype(float)), 1)


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("extra", [{}, *EXTRA_SAMPLES], ids=str)
def test_rgb(extra: Any, dtype: str, planar: bool, packing: dict[str, Any]) -> None:
    alpha = ALPHA.astype(float)
    colours = (COLOURS * (alpha / 255)).round().astype(np.uint8) if extra is ASSOCIATED else COLOURS
    samples = np.concatenate([colours, ALPHA], -1) if extra else colours
    data = tiff(wide(samples, dtype), RGB, planar=planar, more=extra, **packing)
    if extra is ASSOCIATED and planar:
        with pytest.raises(UnsupportedKind, match="RGB with premultiplied alpha in planes"):
            decode(data)
        return
    expected = {1: 255 - alpha + colours, 2: over_white(COLOURS.astype(float), alpha)}
    # Dividing by alpha and multiplying with it again rounds twice.
    assert_close(seen(data), rgb(expected.get(extra.get(338, (0,))[0], COLOURS.astype(float))), 2)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("extra", EXTRA_SAMPLES, ids=str)
@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_with_alpha(extra: Any, dtype: str, order: str) -> None:
    alpha = ALPHA.astype(float)
    grey = (GREY * (alpha / 255)).round().astype(np.uint8) if extra is ASSOCIATED else GREY
    data = tiff(wide(np.concatenate([grey, ALPHA], -1), dtype), BLACK, order=order, more=extra)
    expected = {0: GREY * 1.0, 1: 255 - alpha + grey, 2: over_white(GREY.astype(float), alpha)}
    assert_close(seen(data), rgb(expected[extra[338][0]].repeat(3, -1)), 2)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_cmyk(dtype: str, planar: bool) -> None:
    ink = noisy_planes(250, 245, 4)
    expected = (255.0 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    assert_close(seen(tiff(wide(ink, dtype), CMYK, planar=planar)), rgb(expected), 2)


@pytest.mark.parametrize("order", ["<", ">"])
def test_lab(order: str) -> None:
    """Little-CMS is the oracle, on colours that are not so strong that 8 bits are too few."""
    image = Image.blend(gradient(245, 250), Image.new("RGB", (245, 250), "grey"), 0.5)
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(image, *spaces, outputMode="LAB")
    assert lab
    data = tiff(np.asarray(lab), LAB, order=order)
    assert_close(seen(data), network_input(image), 8)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "jpeg", "quality": 100}, {"compression": "tiff_lzw"}]
)
def test_ycbcr(options: dict[str, Any]) -> None:
    image = gradient(245, 250)
    data = saved(image.convert("YCbCr"), "TIFF", **options)
    assert_close(seen(data), network_input(image), 4)


@pytest.mark.parametrize(
    "compression", ["group3", "group4", "packbits", "tiff_lzw", "lzma", "zstd", "tiff_deflate"]
)
def test_compressions(compression: str) -> None:
    bilevel = Image.fromarray(GREY[..., 0] > 127)
    data = saved(bilevel, "TIFF", compression=compression)
    assert_close(seen(data), network_input(bilevel.convert("RGB")), 0)


def test_bits_from_low_to_high() -> None:
    """FillOrder: of each byte the first pixel is the lowest bit."""
    bits = GREY >> 7
    data = bytearray(tiff(bits, BLACK, bits=1, more={266: (2,)}))
    strip = np.frombuffer(data, np.uint8, 250 * 31, 8)
    reversed = np.packbits(np.unpackbits(strip), bitorder="little")
    data[8 : 8 + len(reversed)] = reversed.tobytes()
    assert_close(seen(bytes(data)), rgb((bits * 255.0).repeat(3, -1)), 1)


def test_pixels_of_many_channels() -> None:
    samples = np.concatenate([COLOURS, ALPHA, GREY], -1)
    extra = {338: (2, 0)}
    expected = over_white(COLOURS.astype(float), ALPHA.astype(float))
    assert_close(seen(tiff(samples, RGB, more=extra)), rgb(expected), 1)


@pytest.mark.parametrize(("colours", "guess"), [(GREY, BLACK), (COLOURS, RGB)])
def test_without_a_photometric_interpretation(colours: NDArray[np.uint8], guess: int) -> None:
    said = tiff(colours, guess)
    at = said.index(struct.pack("<HHII", 262, 4, 1, guess))
    unsaid = said[:at] + struct.pack("<H", 261) + said[at + 2 :]
    assert np.array_equal(seen(unsaid), seen(said))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_big_tiffs(order: str, big: bool) -> None:
    data = big_tiff(COLOURS, order) if big else tiff(COLOURS, RGB, order=order)
    assert_close(seen(data), rgb(COLOURS.astype(float)), 1)


@pytest.mark.parametrize("mark", [{254: (1,)}, {254: (4,)}, {254: (5,)}, {255: (2,)}], ids=str)
@pytest.mark.parametrize("order", ["<", ">"])
def test_thumbnails_are_passed_over(mark: Any, order: str) -> None:
    """Of whatever kind they are."""
    thumbnail = tiff(wide(COLOURS[:20, :30], "u4"), RGB, order=order, more=mark)
    both = tiff(COLOURS, RGB, order=order, after=thumbnail)
    assert_close(seen(both), rgb(COLOURS.astype(float)), 1)


def test_a_thumbnail_alone_is_the_picture() -> None:
    assert_close(seen(tiff(COLOURS, RGB, more={254: (1,)})), rgb(COLOURS.astype(float)), 1)


def test_of_pages_the_first_is_the_picture() -> None:
    first = tiff(COLOURS, RGB, more={254: (2,)})
    assert_close(seen(tiff(GREY, BLACK, after=first)), rgb(COLOURS.astype(float)), 1)


def test_camera_raw_files() -> None:
    """They begin with a thumbnail, and have the picture in a directory of its own."""
    with pytest.raises(UnsupportedKind, match="Camera raw"):
        decode(tiff(COLOURS[:20, :30], RGB, more={254: (1,), 330: (8,)}))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none(value: int) -> None:
    assert_close(seen(tiff(COLOURS, RGB, more={274: (value,)})), rgb(COLOURS.astype(float)), 1)


@pytest.mark.parametrize("tag", [256, 258, 262, 274, 322], ids=str)
@pytest.mark.parametrize("type", [6, 8, 9, 17])
def test_tags_of_types_that_they_can_t_have(tag: int, type: int) -> None:
    """It reads the values all the same, so that they may not be passed over."""
    data = bytearray(tiff(GREY, WHITE, tile=64, more={274: (1,)}))
    [at] = [at for at in range(len(data)) if data[at : at + 8] in heads(tag)]
    data[at + 2] = type
    with pytest.raises(CorruptPicture):
        decode(bytes(data))


def heads(tag: int) -> list[bytes]:
    """How an entry with one value begins, which is a LONG or a SHORT."""
    return [struct.pack("<HHI", tag, type, 1) for type in (3, 4)]


def with_alpha(*planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([*planes, ALPHA], -1)


@pytest.mark.parametrize(
    ("samples", "photometric", "options", "named"),
    [
        (wide(GREY, "u8"), BLACK, {}, "64-bit grey"),
        (wide(GREY, "f8"), BLACK, {}, "64-bit floating-point grey"),
        (GREY.astype(np.uint16), BLACK, {"bits": 12}, "12-bit grey"),
        (COLOURS.astype(np.uint16), RGB, {"bits": 12}, "12-bit RGB"),
        (COLOURS >> 4, RGB, {"bits": 4}, "4-bit RGB"),
        (wide(COLOURS, "u4"), RGB, {}, "32-bit RGB"),
        (wide(COLOURS, "f4"), RGB, {}, "32-bit floating-point RGB"),
        (wide(COLOURS, "i1"), RGB, {}, "8-bit signed RGB"),
        (wide(GREY, "u2"), PALETTE, {}, "16-bit palette"),
        (wide(COLOURS, "u2"), LAB, {}, r"16-bit L\*a\*b\*"),
        (COLOURS, 9, {}, r"ICC L\*a\*b\* colours"),
        (COLOURS, 32845, {}, "LogLuv colours"),
        (COLOURS, 99, {}, "photometric interpretation 99"),
        (GREY, BLACK, {"more": {259: (50001,)}}, "WebP"),
        (GREY, BLACK, {"more": {259: (99,)}}, "compression 99"),
        (COLOURS, RGB, {"more": {258: (5, 6, 5)}}, "3 samples per pixel"),
        (GREY, BLACK, {"more": {339: (6,)}}, "complex grey"),
        (with_alpha(COLOURS, GREY, GREY), CMYK, {"more": UNASSOCIATED}, "CMYK with alpha"),
        (with_alpha(GREY), BLACK, {"more": UNASSOCIATED, "planar": True}, "with alpha in planes"),
        (wide(with_alpha(GREY), "f4"), BLACK, {"more": ASSOCIATED}, "32-bit floating-point .*"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_named(
    samples: Any, photometric: int, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(UnsupportedKind, match=f"TIFFs .*{named} are not supported") as caught:
        decode(tiff(samples, photometric, **options))
    assert (caught.value.status, caught.value.type) == (415, "unsupported_format")


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_what_is_damaged_is_called_so(packing: dict[str, Any], kept: float) -> None:
    data = tiff(COLOURS, RGB, **packing)
    with pytest.raises(CorruptPicture):
        decode(data[: int(len(data) * kept)])
