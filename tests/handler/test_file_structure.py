"""What makes a file costly, seen without decoding it; test_bombs.py has whole files."""

from collections.abc import Callable

import pytest

from handler.file_structure import has_too_many_pieces, jpeg_scans
from handler.limits import MAX_GIF_BLOCKS, MAX_PIECES
from tests.handler.pictures import FORMATS, chunk, gradient, saved


@pytest.mark.parametrize("format", FORMATS)
def test_an_ordinary_picture(format: str) -> None:
    assert not has_too_many_pieces(saved(gradient(301, 260), format), format)


def png(pieces: int) -> bytes:
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))
    return head + chunk(b"teXt", b"") * (pieces - 1)


def jpeg(pieces: int) -> bytes:
    return b"\xff\xd8" + b"\xff\xfe\0\3x" * (pieces - 1) + b"\xff\xda\0\2"


def gif(blocks: int) -> bytes:
    """One comment: it begins with its label and ends with an empty block."""
    return b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * (blocks - 2) + b"\0"


@pytest.mark.parametrize(
    ("make", "format", "most"),
    [
        (png, "PNG", MAX_PIECES - 1),
        (jpeg, "JPEG", MAX_PIECES),
        (gif, "GIF", MAX_GIF_BLOCKS - 1),
    ],
)
def test_limits(make: Callable[[int], bytes], format: str, most: int) -> None:
    assert not has_too_many_pieces(make(most), format)
    assert has_too_many_pieces(make(most + 1), format)


@pytest.mark.parametrize(
    ("frame", "first_scan", "expected"),
    [(0xC0, 3, 1), (0xC0, 1, 9), (0xC1, 2, 9), (0xC2, 3, 9), (0xC4, 3, 1)],
)
def test_jpeg_scans(frame: int, first_scan: int, expected: int) -> None:
    """Of three components: all in one scan, which is then the last, or in one after the other."""
    head = b"\xff" + bytes([frame]) + b"\0\x0b\x08\0\x10\0\x10\3" + b"\1\x11\0"
    scan = b"\xff\xda\0\3" + bytes([first_scan]) + b"\0\xff\0"
    assert jpeg_scans(b"\xff\xd8" + head + scan * 9) == expected
