"""A TIFF's tags (TIFF 6.0, section 2; BigTIFF): those that say which picture it is."""

import struct
from enum import IntEnum
from typing import NamedTuple

from handler.errors import UnsupportedKind
from handler.limits import MAX_PIECES, MAX_TIFF_PAGES


class Tag(IntEnum):
    SUBFILE_TYPE = 254
    OLD_SUBFILE_TYPE = 255
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    PLANAR = 284
    COLOUR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    SUB_DIRECTORIES = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339


Tags = dict[int, tuple[int, ...]]
WANTED = set(Tag)
TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # of whole numbers, as struct's
MAX_VALUES = {Tag.COLOUR_MAP: 3 << 16}
MAX_OTHER_VALUES = 1000  # of each other tag: some of them have one for each channel
REDUCED, MASK, OLD_REDUCED = 1, 4, (2,)  # subfile types


class Page(NamedTuple):
    start: int  # of its directory, in bytes
    tags: Tags

    @property
    def is_whole(self) -> bool:
        """Neither a thumbnail nor a mask."""
        is_part = self.tags.get(Tag.SUBFILE_TYPE, (0,))[0] & (REDUCED | MASK)
        return not is_part and self.tags.get(Tag.OLD_SUBFILE_TYPE) != OLD_REDUCED


def first_page(data: bytes) -> Page:
    """The first that is whole, else the first. Raises where the file is damaged."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = 43 in data[2:4]
    (start,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    pages = list[Page]()
    while not pages or (start and len(pages) < MAX_TIFF_PAGES):
        tags, following = _directory(data, start, order, is_big)
        pages.append(Page(start, tags))
        if pages[-1].is_whole:
            return pages[-1]
        start = following
    if Tag.SUB_DIRECTORIES in pages[0].tags:
        raise UnsupportedKind("Camera raw files, such as DNG and NEF,")
    return pages[0]


def _directory(data: bytes, start: int, order: str, is_big: bool) -> tuple[Tags, int]:
    """The tags of one, and where the next one lies."""
    forms = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    head, entry, offset = (struct.Struct(order + form) for form in forms)
    (count,) = head.unpack_from(data, start)
    if count > MAX_PIECES:
        raise ValueError(count)
    end = start + head.size + count * entry.size
    tags: Tags = {}
    for at in range(start + head.size, end, entry.size):
        tag, kind, number, value = entry.unpack_from(data, at)
        is_wanted = tag in WANTED and tag not in tags
        if is_wanted and kind not in TYPES:
            raise ValueError(kind)  # of a signed one, for instance, libtiff would take the value
        if is_wanted and 0 < number <= MAX_VALUES.get(tag, MAX_OTHER_VALUES):
            values = struct.Struct(f"{order}{number}{TYPES[kind]}")
            if values.size <= offset.size:
                tags[tag] = values.unpack_from(value)
            else:
                tags[tag] = values.unpack_from(data, *offset.unpack(value))
    return tags, offset.unpack_from(data, end)[0]
