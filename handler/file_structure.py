"""How a picture's file is built up, read without decoding: what makes it costly shows there.

Pillow reads chunks, segments and tags in Python, and a JPEG's decoder goes over all pixels in each
scan: a small file can have so many of either that it takes seconds.
"""

from collections.abc import Iterator
from itertools import islice

from handler.limits import MAX_GIF_BLOCKS, MAX_PIECES

# JPEG's markers (ITU T.81, table B.1)
START_OF_SCAN = 0xDA
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = {*range(0xD0, 0xDA)}  # restarts, start and end of the image


def has_too_many_pieces(data: bytes, format: str) -> bool:
    """Whether the file has more chunks or segments than any real picture."""
    match format:
        case "PNG":
            return _png_has_too_many(data)
        case "JPEG":
            return sum(1 for _ in islice(jpeg_segments(data), MAX_PIECES + 1)) > MAX_PIECES
        case "GIF":
            return _gif_has_too_many(data)
    return False  # read by libraries in C, or bounded where they are read (tiff_tags.py)


def jpeg_scans(data: bytes) -> int:
    """How many times, at most, the decoder goes over a JPEG's pixels."""
    components, progressive = 0, False
    for marker, at in islice(jpeg_segments(data), MAX_PIECES):
        if marker in START_OF_FRAME:
            components, progressive = int.from_bytes(data[at + 7 : at + 8]), marker & 3 == 2
        # Where the first scan has all components, the decoder stops after it.
        elif (
            marker == START_OF_SCAN
            and not progressive
            and data[at + 2 : at + 3] >= bytes([components])
        ):
            return 1
    # Within a scan 0xff is never followed by a scan's marker (B.1.1.5).
    return data.count(bytes([0xFF, START_OF_SCAN]))


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and place of a JPEG's segments up to its first scan (ITU T.81, B.1.1).

    Markers without a length and bytes between them have the marker 0.
    """
    at, marker = 2, 0
    while at < len(data) and marker != START_OF_SCAN:
        marker = int.from_bytes(data[at + 1 : at + 2]) if data[at] == 0xFF else 0
        has_length = 0xC0 <= marker < 0xFF and marker not in WITHOUT_LENGTH
        yield (marker, at + 2) if has_length else (0, at)
        at += 2 + int.from_bytes(data[at + 2 : at + 4]) if has_length else 1


def _png_has_too_many(data: bytes) -> bool:
    """Chunks (PNG specification, 5.3): length, type, data, checksum."""
    at = 8
    for _ in range(MAX_PIECES):
        if at >= len(data):
            return False
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return True


def _gif_has_too_many(data: bytes) -> bool:
    """Sub-blocks of extensions up to the first frame (GIF89a, 15 and 24), and bytes between."""
    flags = int.from_bytes(data[10:11])
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    in_extension = False
    for _ in range(MAX_GIF_BLOCKS):
        if at >= len(data):
            return False
        if in_extension:
            in_extension = data[at] > 0
            at += 1 + data[at]
        elif data[at] == ord(","):
            return False
        else:
            in_extension = data[at] == ord("!")
            at += 2 if in_extension else 1
    return True
