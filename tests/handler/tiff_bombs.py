"""TIFFs that are all tags, for test_bombs.py."""

import struct


def tiff(entries: list[tuple[int, int, int, bytes]], next_directory: int = 0) -> bytes:
    """One directory of entries (tag, type, count, value of 4 bytes) at byte 8."""
    body = b"".join(struct.pack("<HHI4s", *entry) for entry in sorted(entries))
    directory = struct.pack("<H", len(entries)) + body + struct.pack("<I", next_directory)
    return b"II*\0" + struct.pack("<I", 8) + directory


def number(value: int) -> bytes:
    return struct.pack("<I", value)


TIFF_PICTURE = [
    (256, 4, 1, number(8)),
    (257, 4, 1, number(8)),
    (258, 3, 1, number(8)),
    (259, 3, 1, number(1)),
    (262, 3, 1, number(1)),
    (273, 4, 1, number(8)),
    (277, 3, 1, number(1)),
    (278, 4, 1, number(8)),
    (279, 4, 1, number(64)),
]


def tiff_nested(depth: int) -> bytes:
    """Directories of EXIF inside of each other, 18 bytes each."""
    first = tiff([*TIFF_PICTURE, (34665, 4, 1, number(8 + 2 + 10 * 12 + 4))])
    start = len(first)
    nested = b"".join(
        struct.pack("<HHHI4sI", 1, 34665, 4, 1, number(start + (i + 1) * 18), 0)
        for i in range(depth)
    )
    return first + nested + bytes(64)


def tiff_thumbnails(pages: int) -> bytes:
    """Each with all the values that any tag may have."""
    entries = [(254, 4, 1, number(1)), *TIFF_PICTURE, (320, 3, 3 << 16, number(8))]
    size = len(tiff(entries)) - 8
    directories = (tiff(entries, 8 + (i + 1) * size)[8:] for i in range(pages))
    return tiff([])[:8] + b"".join(directories) + bytes(400_000)


def tiff_tile(side: int) -> bytes:
    """One tile of this many pixels each way, whose compressed bytes follow."""
    tile = [(259, 3, 1, number(8)), (322, 4, 1, number(side)), (323, 4, 1, number(side))]
    others = [entry for entry in TIFF_PICTURE if entry[0] not in (259, 273, 278, 279)]
    start = len(tiff([*others, *tile])) + 2 * 12
    place = [(324, 4, 1, number(start)), (325, 4, 1, number(60_000))]
    return tiff([*others, *tile, *place])
