"""Pictures as parts of a page's text: small, upright, in the colours that the service sees."""

import base64
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from handler.colours import eight_bit
from handler.decoding import decode
from handler.engines.engine import Floats
from handler.errors import ClientError
from handler.resizing import Pixels

SIDE = 160  # pixels, the longer side
QUALITY = 80
# How much a colour of the heat map covers: where nothing speaks for the class, and where most does.
THINNEST, THICKEST = 0.1, 0.7


def thumbnail(file: Path, side: int = SIDE) -> str | None:
    """As an address that holds the picture itself; None where the file can't be read."""
    try:
        image = decode(file.read_bytes()).image
    except (OSError, ClientError):
        return None
    return _address(eight_bit(image), side)


def with_heat_map(pixels: Pixels, heat: Floats, side: int = SIDE) -> str:
    """What the network saw, uint8 [H, W, 3], beneath its heat map, [7, 7] in 0..1."""
    height, width = pixels.shape[:2]
    levels = Image.fromarray((heat * 255).astype(np.uint8))
    smooth = np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC)) / 255
    colours = mpl.colormaps["viridis"](smooth)[..., :3] * 255
    cover = (THINNEST + (THICKEST - THINNEST) * smooth)[..., None]
    mixed = pixels * (1 - cover) + colours * cover
    return _address(Image.fromarray(mixed.round().astype(np.uint8)), side)


def _address(image: Image.Image, side: int) -> str:
    image = image.copy()
    image.thumbnail((side, side))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
