"""Alpha of every kind over white, each compared with a formula of its own."""

import numpy as np
import pytest
from PIL import Image

from handler.decoding import decode
from handler.resizing import network_input
from tests.handler.pictures import (
    assert_close,
    noisy_planes,
    over_white,
    png,
    rgb,
    through,
)


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (100, 0, 200, 51), (224, 204, 244)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (100, 51), (224, 224, 224)),
    ],
)
def test_alpha_over_white(mode: str, colour: tuple[int, ...], seen: tuple[int, ...]) -> None:
    pixels = through(Image.new(mode, (30, 30), colour), "PNG")
    assert np.abs(pixels.astype(int) - seen).max() <= 1


@pytest.mark.parametrize(
    ("format", "transparency", "seen"),
    [("PNG", 0, 255), ("PNG", 1, 0), ("PNG", b"\x33", 204), ("GIF", 0, 255), ("GIF", 1, 0)],
)
def test_palette_over_white(format: str, transparency: int | bytes, seen: int) -> None:
    image = Image.new("P", (30, 30), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    # A used second colour: Pillow drops unused ones, and with them the transparency.
    image.putpixel((29, 29), 1)
    assert through(image, format, transparency=transparency)[0, 0].tolist() == [seen] * 3


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_rgba_of_many_colours(format: str) -> None:
    pixels = noisy_planes(260, 270, 4)
    # Exact: else WebP and AVIF forget the colour of what is invisible.
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    actual = through(Image.fromarray(pixels), format, **options)
    assert_close(actual, rgb(over_white(pixels[..., :3], pixels[..., 3:].astype(float))), 1)


def test_la_of_many_greys() -> None:
    pixels = noisy_planes(260, 270, 2)
    grey = over_white(pixels[..., :1], pixels[..., 1:].astype(float))
    assert_close(through(Image.fromarray(pixels, "LA"), "PNG"), rgb(grey.repeat(3, -1)), 1)


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
@pytest.mark.parametrize("transparent", [False, True])
def test_palettes(colours: int, transparent: bool) -> None:
    """A PNG's indices have as few bits as they need; each may have an alpha of its own."""
    palette, alpha = noisy_planes(colours, 3), noisy_planes(colours, 1)
    indices = noisy_planes(260, 270) & (colours - 1)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    actual = through(image, "PNG", **({"transparency": alpha.tobytes()} if transparent else {}))
    seen = over_white(palette, alpha.astype(float)) if transparent else palette.astype(float)
    assert_close(actual, rgb(seen[indices]), 1)


@pytest.mark.parametrize(
    ("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["L", "RGB", "LA", "RGBA"]
)
def test_sixteen_bit_pngs(colour_type: int, channels: int) -> None:
    samples = noisy_planes(260, 270, channels, depth=np.uint16)
    planes = samples / 257
    colours = planes if channels % 2 else over_white(planes[..., :-1], planes[..., -1:])
    expected = rgb(np.broadcast_to(colours, (260, 270, 3)))
    # Each loses its low byte: the colour, and the alpha that it is mixed by.
    levels = 1 if channels % 2 else 2
    assert_close(network_input(*decode(png(samples, colour_type))), expected, levels)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3)], ids=["L", "RGB"])
def test_one_colour_is_transparent(colour_type: int, channels: int) -> None:
    """tRNS (PNG specification, 11.3.2.1): of all pixels with exactly this colour."""
    samples = noisy_planes(260, 270, channels)
    samples[::2, :200] = chosen = samples[0, 0].copy()
    data = png(samples, colour_type, chosen.astype(">u2").tobytes())
    seen = np.where((samples == chosen).all(-1, keepdims=True), 255.0, samples)
    expected = rgb(np.broadcast_to(seen, (260, 270, 3)))
    assert_close(network_input(*decode(data)), expected, 1)
