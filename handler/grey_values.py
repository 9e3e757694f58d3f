"""Grey samples for which Pillow has no mode, made 8 bits as viewers show them."""

import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.colours import bands, in_bands
from handler.errors import UnsupportedKind

CODES = {"unsigned": "u", "signed": "i", "floating-point": "f"}  # numpy's
# Wide samples often hold a picture of fewer bits, or from 0 to 1, and no tag says so. White is the
# first of these that the picture comes near to.
WHITES: dict[tuple[str, int], tuple[int, ...]] = {
    ("unsigned", 16): (65535,),
    ("unsigned", 32): (255, 65535, 2**32 - 1),
    ("signed", 8): (127,),
    ("signed", 16): (255, 32767),
    ("signed", 32): (255, 65535, 2**31 - 1),
    ("floating-point", 16): (1, 255, 65535),
    ("floating-point", 32): (1, 255, 65535),
}
NEAR = 0.25  # of the range from black to white; interpolation overshoots by as much


class Samples(NamedTuple):
    kind: str  # unsigned, signed or floating-point
    bits: int
    white_is_zero: bool
    mode: str | None = None  # with a second sample: L (it is ignored), La or LA (it is alpha)


def grey(image: Image.Image, samples: Samples) -> Image.Image:
    """`L` (`LA` or `La` with alpha) of an image whose pixels are the samples' bytes.

    Raises UnsupportedKind where nothing tells which value is white.
    """
    if samples.mode:
        high = 1 if sys.byteorder == "little" else 0
        both = image.getchannel(high), image.getchannel(high + 2)
        return Image.merge(samples.mode, both[: len(samples.mode)])
    dtype = np.dtype(f"{CODES[samples.kind]}{samples.bits // 8}")

    def values(band: Image.Image) -> NDArray[Any]:
        return np.asarray(band).view(dtype).reshape(band.height, band.width)

    extremes = [_extremes(values(band)) for band in bands(image)]
    least, greatest = min(low for low, _ in extremes), max(high for _, high in extremes)
    black, white = _range(samples, least, greatest)
    if samples.white_is_zero:
        black, white = white, black

    factor = 255 / (white - black)

    def convert(band: Image.Image) -> Image.Image:
        scaled = (values(band).astype(np.float32) - np.float32(black)) * np.float32(factor)
        # What is no number is black, whatever its sign.
        levels = np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).round().clip(0, 255)
        return Image.fromarray(levels.astype(np.uint8))

    return in_bands(image, "L", convert)


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(finite.min()), float(finite.max())) if finite.size else (0, 0)


def _range(samples: Samples, least: float, greatest: float) -> tuple[float, float]:
    """Black and white."""
    kind, bits, *_ = samples
    if kind == "signed" and least < 0:
        half = 2.0 ** (bits - 1)
        if max(-least, greatest) >= half / 2:
            return -half, half - 1
    else:
        whites = WHITES[kind, bits]
        over = NEAR if kind == "floating-point" else 0
        for white in whites:
            comes_near = white == whites[0] or greatest >= NEAR * white
            if comes_near and greatest <= white * (1 + over) and least >= -white * over:
                return 0, white
    what = f"{kind} values from {least:,.6g} to {greatest:,.6g}"
    raise UnsupportedKind(f"TIFFs of {what}, with nothing to say which is white,")
