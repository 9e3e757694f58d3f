"""TIFFs of kinds that Pillow does not write, by the specification's own words (TIFF 6.0)."""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Entries = dict[int, tuple[int, ...]]

KINDS = {"u": 1, "i": 2, "f": 3}  # SampleFormat of numpy's kinds
DEFLATE = 8


def directory(entries: Entries, start: int, order: str = "<") -> bytes:
    """The last one, at this place in the file, and behind it the values that do not fit into it.

    Numbers are LONG but for those of BitsPerSample, ColorMap and SampleFormat, which are SHORT.
    """
    body, behind = b"", b""
    end = start + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        form = "H" if tag in (258, 320, 339) else "I"
        value = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(value) > 4:
            value, behind = struct.pack(order + "I", end + len(behind)), behind + value
        kind = 3 if form == "H" else 4
        body += struct.pack(order + "HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    return struct.pack(order + "H", len(entries)) + body + bytes(4) + behind


def tiff(
    samples: NDArray[Any],
    photometric: int = 1,
    *,
    bits: int | None = None,
    order: str = "<",
    planar: bool = False,
    tile: int | None = None,
    deflated: bool = False,
    more: Entries | None = None,
    after: bytes = b"",
) -> bytes:
    """The only page, or one after another of the same order.

    samples: [height, width, channels]; bits: of each, where it has fewer than its type.
    """
    height, width, channels = samples.shape
    parts = np.moveaxis(samples, -1, 0)[..., None] if planar else samples[None]
    side = tile or max(width, height)
    pieces = [
        _packed(part[y : y + side, x : x + side], bits, order, tile)
        for part in parts
        for y in range(0, height, side)
        for x in range(0, width, side)
    ]
    if deflated:
        pieces = [zlib.compress(piece) for piece in pieces]
    head = bytearray(after or (b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    places = np.cumsum([len(head), *map(len, pieces)]).tolist()
    entries: Entries = {
        256: (width,),
        257: (height,),
        258: (bits or samples.itemsize * 8,) * channels,
        259: (DEFLATE if deflated else 1,),
        262: (photometric,),
        277: (channels,),
        284: (2 if planar else 1,),
        324 if tile else 273: tuple(places[:-1]),
        325 if tile else 279: tuple(map(len, pieces)),
        339: (KINDS[samples.dtype.kind],) * channels,
        **({322: (tile,), 323: (tile,)} if tile else {278: (height,)}),
        **(more or {}),
    }
    link = 4  # where the number of this directory's place belongs
    if after:
        (before,) = struct.unpack_from(order + "I", after, 4)
        link = before + 2 + 12 * struct.unpack_from(order + "H", after, before)[0]
    struct.pack_into(order + "I", head, link, places[-1])
    return bytes(head) + b"".join(pieces) + directory(entries, places[-1], order)


def _packed(samples: NDArray[Any], bits: int | None, order: str, tile: int | None) -> bytes:
    if tile:
        height, width, _ = samples.shape
        samples = np.pad(samples, [(0, tile - height), (0, tile - width), (0, 0)])
    if bits is None:
        return samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    wide = samples.reshape(len(samples), -1, 1).astype(">u2").view(np.uint8)
    few = np.unpackbits(wide, axis=-1)[..., 16 - bits :]
    return np.packbits(few.reshape(len(samples), -1), axis=1).tobytes()


def big_tiff(samples: NDArray[np.uint8], order: str) -> bytes:
    """BigTIFF of RGB in one strip: numbers of 8 bytes where TIFF has 4, entries of 20."""
    height, width, channels = samples.shape
    head = (b"II+\0" if order == "<" else b"MM\0+") + struct.pack(
        order + "HHQ", 8, 0, 16 + samples.size
    )
    entries: Entries = {256: (width,), 257: (height,), 258: (8,) * channels, 259: (1,), 262: (2,)}
    entries |= {273: (16,), 277: (channels,), 278: (height,), 279: (samples.size,)}
    body = b"".join(
        struct.pack(order + "HHQ", tag, 3 if tag == 258 else 16, len(values))
        + struct.pack(f"{order}{len(values)}{'H' if tag == 258 else 'Q'}", *values).ljust(8, b"\0")
        for tag, values in entries.items()
    )
    return head + samples.tobytes() + struct.pack(order + "Q", len(entries)) + body + bytes(8)
