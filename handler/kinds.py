"""Kinds of pictures in a supported format that can't be shown with the right colours."""

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
            _refuse_bright(data[: data.find(b"mdat")].partition(b"colrnclx")[2], 3, "AVIFs")


def _refuse_jpeg(data: bytes) -> None:
    for marker, at in islice(jpeg_segments(data), MAX_PIECES):
        if marker in START_OF_FRAME:
            bits = int.from_bytes(data[at + 2 : at + 3])
            if bits > 8:
                raise UnsupportedKind(f"JPEGs with {bits} bits per sample")
            if marker in LOSSLESS_OR_HIERARCHICAL:
                raise UnsupportedKind("Lossless and hierarchical JPEGs")
            return


def _refuse_bright(codes: bytes, place: int, name: str) -> None:
    """codes: colour primaries and transfer function, each of one byte or two."""
    if codes[place : place + 1] and codes[place] in HIGH_DYNAMIC_RANGE:
        raise UnsupportedKind(f"{name} of a high dynamic range (PQ or HLG)")
