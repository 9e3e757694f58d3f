"""An image of any Pillow mode to one of 8 bits, `L` or `RGB`, that looks the same."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from handler.limits import MAX_BAND_PIXELS

# The exponent of the curve nearest to sRGB's, as a PNG states it, and what makes no difference.
SRGB_GAMMA, NEARLY = 1 / 2.2, 0.02


def eight_bit(image: Image.Image) -> Image.Image:
    """`L` or `RGB`: alpha over white, 16-bit scaled down, other colour spaces converted."""
    image = _shallow(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return in_bands(image, "RGB", _over_white)
    if image.mode in ("RGB", "L"):
        return image
    return in_bands(image, "RGB", lambda band: band.convert("RGB"))


def with_usual_gamma(image: Image.Image) -> Image.Image:
    """A PNG as it is, or with sRGB's gamma where it says that its own is another (gAMA).

    As in browsers, what else it says of its colours goes first.
    """
    gamma = image.info.get("gamma", SRGB_GAMMA)
    is_usual = abs(gamma - SRGB_GAMMA) < NEARLY or gamma <= 0
    if is_usual or "srgb" in image.info or "icc_profile" in image.info:
        return image
    light = np.linspace(0, 1, 256) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    curve = [round(level * 255) for level in encoded]
    table = [*curve * 3, *range(256)]  # alpha is no light
    return in_bands(
        _shallow(image), "RGB", lambda band: _over_white(band.convert("RGBA").point(table))
    )


def _shallow(image: Image.Image) -> Image.Image:
    """Integers as `L`, with the colour that is transparent."""
    if not image.mode.startswith("I"):
        return image
    transparent = {key: value for key, value in image.info.items() if key == "transparency"}
    image = in_bands(image, "L", _from_integers)
    image.info.update(transparent)
    return image


def in_bands(
    image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    converted = Image.new(mode, image.size)
    top = 0
    for band in bands(image):
        converted.paste(convert(band), (0, top))
        top += band.height
    return converted


def bands(image: Image.Image) -> Iterator[Image.Image]:
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
