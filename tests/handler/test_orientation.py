"""Which way up, by EXIF alone; test_decoding.py turns a picture of each format all eight ways."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from handler.decoding import decode
from handler.orientation import exif_orientation
from tests.handler.pictures import chunk, noise, saved

SHORT = 3
Entry = tuple[int, int, int, bytes]  # tag, type, count, value or its place


def exif(*entries: Entry, order: str = "<") -> bytes:
    """Their own bytes, without the "Exif" before them."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    body = b"".join(
        struct.pack(order + "HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries
    )
    return head + body + bytes(16)


SIX = (274, SHORT, 1, b"\6\0")
BEFORE = (272, 5, 1, b"\x1e\0\0\0")  # a camera's model as a fraction
UPRIGHT = {
    "another tag alone": exif(BEFORE),
    "LONG": exif((274, 4, 1, b"\6")),
    "BYTE": exif((274, 1, 1, b"\6")),
    "text": exif((274, 2, 2, b"6\0")),
    "a fraction": exif((274, 5, 1, b"\6")),
    "signed": exif((274, 8, 1, b"\6")),
    "two values": exif((274, SHORT, 2, b"\6\0\1\0")),
    "0": exif((274, SHORT, 1, b"\0\0")),
    "9": exif((274, SHORT, 1, b"\x09\0")),
    "nothing": b"",
    "junk": b"\xff" * 40,
    "only a head": b"II*\0",
    "cut off": exif(BEFORE, SIX)[:30],
    "a directory beyond the end": b"II*\0\xff\xff\xff\x7f" + bytes(20),
    "another number than 42": b"II+\0" + exif(SIX)[4:],
}
TURNED = {
    "little-endian": exif(SIX),
    "big-endian": exif((274, SHORT, 1, b"\0\6"), order=">"),
    "behind a tag of the wrong type": exif(BEFORE, SIX),
    "with a prefix": b"Exif\0\0" + exif(SIX),
    "count beyond the end": exif(SIX).replace(b"\x08\0\0\0\1\0", b"\x08\0\0\0\xff\xff"),
}


@pytest.mark.parametrize("name", UPRIGHT)
def test_what_does_not_turn(name: str) -> None:
    """As in Chromium: see test_in_a_browser.py."""
    assert exif_orientation(UPRIGHT[name]) == 1


@pytest.mark.parametrize("name", TURNED)
def test_what_turns(name: str) -> None:
    assert exif_orientation(TURNED[name]) == 6


def jpeg(segment: bytes) -> bytes:
    plain = saved(noise(40, 30), "JPEG")
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


def png(kind: bytes, data: bytes) -> bytes:
    plain = saved(noise(40, 30), "PNG")
    return plain[:33] + chunk(kind, data) + plain[33:]


def webp(kind: bytes, data: bytes) -> bytes:
    """With an empty piece of metadata that makes Pillow write the extended form."""
    plain = saved(noise(40, 30), "WEBP", xmp=b" ")
    pieces = plain[8 : plain.index(b"XMP ")] + kind + struct.pack("<I", len(data)) + data
    flags = pieces.index(b"VP8X") + 8
    pieces = pieces[:flags] + bytes([8 if kind == b"EXIF" else 4]) + pieces[flags + 1 :]
    return b"RIFF" + struct.pack("<I", len(pieces)) + pieces


MAKERS: dict[str, Callable[[bytes], bytes]] = {
    "JPEG": lambda data: jpeg(b"Exif\0\0" + data),
    "PNG": lambda data: png(b"eXIf", data),
    "WebP": lambda data: webp(b"EXIF", data),
}


# Pillow looks into a JPEG's EXIF for a resolution, and says what it finds wrong there.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("name", [*UPRIGHT, *TURNED])
def test_odd_metadata_is_no_damage(format: str, name: str) -> None:
    data = (UPRIGHT | TURNED)[name]
    assert decode(MAKERS[format](data + bytes(len(data) % 2))).image.size in ((40, 30), (30, 40))


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>"


@pytest.mark.parametrize(
    "data",
    [
        jpeg(b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        png(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        webp(b"XMP ", XMP + b" " * (len(XMP) % 2)),
        saved(noise(40, 30), "TIFF", tiffinfo={700: XMP}),
        saved(noise(40, 30), "AVIF", xmp=XMP),
    ],
    ids=["JPEG", "PNG", "WebP", "TIFF", "AVIF"],
)
def test_xmp_does_not_turn(data: bytes) -> None:
    assert b"tiff:Orientation" in data
    assert decode(data).image.size == (40, 30)


def test_exif_need_not_come_first() -> None:
    data = jpeg(b"Exif\0\0" + exif(SIX))
    end = 4 + int.from_bytes(data[4:6], "big")
    exif_segment, rest = data[2:end], data[end:]
    frame = rest.index(b"\xff\xc0")
    late = data[:2] + rest[:frame] + exif_segment + rest[frame:]
    assert decode(late).image.size == (30, 40)


@pytest.mark.parametrize("name", UPRIGHT | TURNED)
def test_avif_is_turned_by_its_own_boxes(name: str) -> None:
    """Whatever EXIF says besides. Pillow writes orientation 8 as a box that turns by 90 degrees."""
    image = Image.Exif()
    image[274] = 8
    image[272] = "x" * 100  # room for what replaces it
    data = saved(noise(40, 30), "AVIF", exif=image)
    plain = saved(noise(40, 30), "AVIF")
    start = data.index(b"MM\0*") if b"MM\0*" in data else data.index(b"II*\0")
    other = (UPRIGHT | TURNED)[name].removeprefix(b"Exif\0\0")[:100]
    replaced = data[:start] + other + data[start + len(other) :]
    expected = decode(plain).image.transpose(Image.Transpose.ROTATE_90)
    assert np.array_equal(np.asarray(decode(replaced).image), np.asarray(expected))
