"""An image of any Pillow mode to one of 8 bits, `L` or `RGB`, that looks the same."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from PIL import Image

from handler.limits import MAX_BAND_PIXELS


def eight_bit(image: Image.Image) -> Image.Image:
    """`L` or `RGB`: alpha over white, 16-bit scaled down, other colour spaces converted."""
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa")
    if has_alpha or ("transparency" in image.info and not image.mode.startswith("I")):
        return _in_bands(image, "RGB", _over_white)
    if image.mode in ("RGB", "L"):
        return image
    if image.mode.startswith("I"):
        return _in_bands(image, "L", _from_integers)
    if image.mode == "F":
        # Float pictures are stored either from 0 to 1 or from 0 to 255; nothing in the file says.
        greatest = max(
            np.max(values, initial=0, where=np.isfinite(values))
            for values in map(np.asarray, _bands(image))
        )
        return _in_bands(image, "L", partial(_from_floats, scale=255 if greatest <= 1 else 1))
    return _in_bands(image, "RGB", lambda band: band.convert("RGB"))


def _in_bands(
    image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    converted = Image.new(mode, image.size)
    top = 0
    for band in _bands(image):
        converted.paste(convert(band), (0, top))
        top += band.height
    return converted


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """Its rows from top to bottom, some at a time."""
    rows = max(1, MAX_BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _over_white(image: Image.Image) -> Image.Image:
    # Pillow converts premultiplied grey (La) only to LA.
    picture = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _from_integers(image: Image.Image) -> Image.Image:
    deep = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8))


def _from_floats(image: Image.Image, scale: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(image) * np.float32(scale), posinf=255.0, neginf=0.0)
    return Image.fromarray(np.clip(values.round(), 0, 255).astype(np.uint8))
