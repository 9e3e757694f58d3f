"""Kinds of pictures in a supported format that can't be shown with the right colours."""

from collections.abc import Iterator
from itertools import islice

from handler.errors import UnsupportedKind
from handler.file_structure import START_OF_FRAME, jpeg_segments
from handler.limits import MAX_PIECES

# The last but one byte of each is the transfer function (ITU-T H.273): PQ and HLG.
HIGH_DYNAMIC_RANGE = {16, 18}
LOSSLESS_OR_HIERARCHICAL = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}  # ITU T.81, table B.1


def refuse_unsupported(data: bytes, format: str) -> None:
    """Raises UnsupportedKind. What a TIFF is, `TiffPage` finds out."""
    match format:
        case "JPEG":
            _refuse_jpeg(data)
        case "PNG":
            _refuse_bright(data[: data.find(b"IDAT")].partition(b"\0\0\0\4cICP")[2], 1, "PNGs")
        case "AVIF":
            for box in _metadata(data):
                _refuse_bright(box.partition(b"colrnclx")[2], 3, "AVIFs")


def _refuse_jpeg(data: bytes) -> None:
    for marker, at in islice(jpeg_segments(data), MAX_PIECES):
        if marker in START_OF_FRAME:
            bits = int.from_bytes(data[at + 2 : at + 3])
            if bits > 8:
                raise UnsupportedKind(f"JPEGs with {bits} bits per sample")
            if marker in LOSSLESS_OR_HIERARCHICAL:
                raise UnsupportedKind("Lossless and hierarchical JPEGs")
            return


def _metadata(data: bytes) -> Iterator[bytes]:
    """An AVIF's boxes of it, wherever the pixels lie (ISO/IEC 14496-12, 4.2)."""
    at = 0
    for _ in range(MAX_PIECES):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        end = at + size if size else len(data)
        if kind in (b"meta", b"moov"):  # of a picture, of a sequence
            yield data[at:end]
        if end < at + 8 or end >= len(data):
            return
        at = end


def _refuse_bright(codes: bytes, place: int, name: str) -> None:
    """codes: colour primaries and transfer function, each of one byte or two."""
    if codes[place : place + 1] and codes[place] in HIGH_DYNAMIC_RANGE:
        raise UnsupportedKind(f"{name} of a high dynamic range (PQ or HLG)")
