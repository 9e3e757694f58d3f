"""Sound pictures that are refused, because they would be shown with wrong colours."""

import struct

import pytest

from handler.decoding import decode
from handler.errors import CorruptPicture, UnsupportedKind
from handler.kinds import refuse_unsupported
from tests.handler.pictures import chunk, gradient, saved

IMAGE = gradient(40, 30)


def jpeg(marker: int, bits: int) -> bytes:
    data = bytearray(saved(IMAGE, "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4] = marker, bits
    return bytes(data)


def png_with_cicp(*codes: int) -> bytes:
    plain = saved(IMAGE, "PNG")
    return plain[:33] + chunk(b"cICP", bytes(codes)) + plain[33:]


def avif(transfer: int) -> bytes:
    plain = saved(IMAGE, "AVIF")
    at = plain.index(b"colrnclx") + 10
    return plain[:at] + struct.pack(">H", transfer) + plain[at + 2 :]


def moved(data: bytes) -> bytes:
    """An AVIF with its pixels before what is said of them, as some encoders write it."""
    meta, mdat = data.index(b"meta") - 4, data.index(b"mdat") - 4
    assert meta < mdat
    file_type, said, pixels = data[:meta], data[meta:mdat], data[mdat:]
    # In a box of 64 bits' length. Where the pixels lie stands in one place (8.11.3).
    pixels = struct.pack(">I4sQ", 1, b"mdat", len(pixels) + 8) + pixels[8:]
    old, new = struct.pack(">I", mdat + 8), struct.pack(">I", meta + 16)
    assert said.count(old) == 1
    return file_type + pixels + said.replace(old, new)


def bmp(bits: int = 24, compression: int = 0, header: int = 40) -> bytes:
    data = bytearray(saved(IMAGE, "BMP"))
    struct.pack_into("<I", data, 14, header)
    struct.pack_into("<HI", data, 28, bits, compression)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (jpeg(0xC1, 12), "JPEGs with 12 bits"),
        (jpeg(0xC3, 16), "JPEGs with 16 bits"),
        (jpeg(0xC3, 8), "Lossless"),
        (jpeg(0xC5, 8), "hierarchical"),
        (png_with_cicp(9, 16, 0, 1), "PNGs of a high dynamic range"),
        (png_with_cicp(9, 18, 0, 1), "PNGs of a high dynamic range"),
        (avif(16), "AVIFs of a high dynamic range"),
        (avif(18), "AVIFs of a high dynamic range"),
        (moved(avif(16)), "AVIFs of a high dynamic range"),
        (moved(avif(18)), "AVIFs of a high dynamic range"),
        (bmp(bits=2), r"pixel depth \(2\)"),
        (bmp(compression=4), r"compression \(4\)"),
        (bmp(header=48), r"header type \(48\)"),
        (bmp(bits=16, compression=3), "bitfields layout"),
    ],
)
def test_it_is_named(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedKind, match=f"{named}.* not supported") as caught:
        decode(data)
    assert (caught.value.status, caught.value.type) == (415, "unsupported_format")


@pytest.mark.parametrize(
    "data", [png_with_cicp(1, 13, 0, 1), avif(13), moved(avif(13)), png_with_cicp()]
)
def test_an_ordinary_range(data: bytes) -> None:
    assert decode(data).image.size == (40, 30)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 2**32 - 1])
def test_boxes_without_end(size: int) -> None:
    box = struct.pack(">I4s", size, b"free")
    refuse_unsupported(avif(13)[:32] + box * 100_000, "AVIF")


def test_a_frame_that_is_cut_off_is_damage() -> None:
    data = jpeg(0xC0, 8)
    with pytest.raises(CorruptPicture):
        decode(data[: data.index(b"\xff\xc0") + 4])
