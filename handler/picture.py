"""A picture's bytes to the pixels the network sees: `uint8 [224, 224, 3]`.

The result is that of torchvision's `ResNet18_Weights.IMAGENET1K_V1.transforms()` before scaling
and normalisation (shorter side to 256, bilinear with antialias, centre crop of 224), without what
lies outside of the crop. Large JPEGs are decoded at a fraction of their size, which changes the
result by less than one level of 255 on average.
"""

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np
from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from handler.ballast import is_overloaded, scans
from handler.errors import CorruptPicture, PictureTooLarge, TooManyScans, UnsupportedFormat

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

RESIZE = 256  # pixels, the shorter side
CROP = 224  # pixels
# A JPEG is decoded at 1/2, 1/4 or 1/8 where its shorter side keeps so many pixels: by the decoder,
# which is cheap, and never by more than half of what the resize to RESIZE still has to do.
JPEG_SIDE = 2 * RESIZE
MAX_PIXELS = 50_000_000  # a 48-megapixel phone passes; 150 MB as RGB
# A progressive JPEG goes over its pixels ten times or so; a crafted one thousands of times.
MAX_SCANNED = 20 * MAX_PIXELS
# Of larger ones (pixels) one is decoded at a time: each takes up to 18 bytes a pixel meanwhile.
HEAVY = 12_500_000
BAND = 4_000_000  # pixels that are converted at a time, so that no third copy is in memory

# Ours is the stricter limit and is checked before a pixel is decoded; Pillow's would only add a
# warning of its own.
Image.MAX_IMAGE_PIXELS = None

_heavy = Lock()


def picture_format(data: bytes) -> str | None:
    """Pillow's name of the supported format that `data` begins like, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data[4:8] == b"ftyp" and _has_avif_brand(data):
        return "AVIF"
    return None


def _has_avif_brand(data: bytes) -> bool:
    """Whether the file-type box (ISO/IEC 14496-12, 4.3) names AVIF, as major brand or compatible.

    HEIC has the same box with other brands.
    """
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    return bool(brands & {b"avif", b"avis"})


class Picture(NamedTuple):
    """A decoded picture. `extent` is where in the image it lies: all of it, or nearly.

    Where a JPEG was decoded at a fraction, a row and a column at the edge may be filled in part.
    """

    image: Image.Image
    extent: Box


class Loaded(NamedTuple):
    pixels: Pixels
    format: str  # as `picture_format` names it
    decode: float  # seconds that decoding took ...
    resize: float  # ... and what came after it


def load(data: bytes, exact: bool = True) -> Loaded:
    """A picture's bytes to the network's input. Raises a ClientError, by cause.

    exact: of `network_input`.
    """
    image, format = _open(data)
    with _heavy if image.width * image.height > HEAVY else nullcontext():
        started = time.perf_counter()
        picture = _load(image, format)
        decoded = time.perf_counter()
        pixels = network_input(*picture, exact)
        return Loaded(pixels, format, decoded - started, time.perf_counter() - decoded)


def decode(data: bytes) -> Picture:
    """The first frame, upright, all of it in memory. Raises a ClientError, by cause."""
    return _load(*_open(data))


def _open(data: bytes) -> tuple[Image.Image, str]:
    """A picture within the limits, of which no pixel is decoded yet, and its format."""
    format = picture_format(data)
    if format is None:
        raise UnsupportedFormat
    if is_overloaded(data, format):
        raise CorruptPicture(format)
    # What a damaged file makes a decoder raise has no bounds (OSError, SyntaxError, ValueError,
    # struct.error, IndexError ...), and each means the same to the sender.
    try:
        image = Image.open(io.BytesIO(data), formats=[format])
    except Exception as error:
        raise CorruptPicture(format) from error
    if image.width * image.height > MAX_PIXELS:
        raise PictureTooLarge(image.width, image.height, MAX_PIXELS)
    passes = scans(data) if format == "JPEG" else 1
    if passes * image.width * image.height > MAX_SCANNED:
        raise TooManyScans(passes)
    return image, format


def _load(image: Image.Image, format: str) -> Picture:
    try:
        reduced = image.draft(image.mode, (JPEG_SIDE, JPEG_SIDE))
        size = reduced[1][2:] if reduced else image.size
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        ImageOps.exif_transpose(image, in_place=True)
        return Picture(image, _extent(image.size, size, orientation))
    except Exception as error:
        raise CorruptPicture(format) from error


def network_input(image: Image.Image, extent: Box | None = None, exact: bool = True) -> Pixels:
    """`uint8 [224, 224, 3]`: resized, cropped and RGB. `extent` is that of `Picture`.

    exact: every rounding as torchvision's. Without it the resize takes a third of the time, and
    about one value in 300 differs by one level of 255.
    """
    resize = _resize_exactly if exact else _resize_with_simd
    image = _eight_bit(image)
    x, y, x_end, y_end = extent or (0, 0, *image.size)
    left, top, right, bottom = crop_box(x_end - x, y_end - y)
    left, top, right, bottom = left + x, top + y, right + x, bottom + y
    # The rows that the crop's pixels reach: at most one output pixel's height beyond it.
    reach = max(1.0, (bottom - top) / CROP)
    first = max(0, math.floor(top - reach))
    last = min(image.height, math.ceil(bottom + reach))
    # Across, then down, as torchvision: in the other order each pixel is rounded otherwise.
    across = resize(image, (CROP, last - first), (left, first, right, last))
    resized = resize(across, (CROP, CROP), (0, top - first, CROP, bottom - first))
    return np.asarray(resized.convert("RGB"))


def crop_box(width: float, height: float) -> Box:
    """The centre crop in the source's coordinates.

    The rounding is torchvision's (`functional.resize`, `functional.center_crop`): the longer side
    becomes `int(256 * long / short)` and the crop starts at `int(round((side - 224) / 2))`.
    """
    short, long = sorted((width, height))
    resized_long = int(RESIZE * long / short)
    resized = (RESIZE, resized_long) if width <= height else (resized_long, RESIZE)
    left, top = (round((side - CROP) / 2) for side in resized)
    across, down = width / resized[0], height / resized[1]
    return left * across, top * down, (left + CROP) * across, (top + CROP) * down


def _extent(image: tuple[int, int], size: tuple[float, float], orientation: int | None) -> Box:
    """Where a picture of that size, before it was turned upright by its EXIF orientation, lies."""
    width, height = size
    if orientation in (5, 6, 7, 8):  # it lay on its side
        width, height = height, width
    # The edges that were right and bottom may now be left and top.
    left = image[0] - width if orientation in (2, 3, 6, 7) else 0
    top = image[1] - height if orientation in (3, 4, 7, 8) else 0
    return left, top, left + width, top + height


def _resize_exactly(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    left, top, right, bottom = box
    if top == int(top) and bottom - top == size[1]:
        # Pillow skips the pass down where all rows are kept.
        image = image.crop((0, int(top), image.width, int(bottom)))
        box = (left, 0, right, image.height)
    return image.resize(size, Image.Resampling.BILINEAR, box)


def _resize_with_simd(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    left, top, right, bottom = box
    resized = Image.new(image.mode, size)
    options = ResizeOptions(
        resize_alg=ResizeAlg.convolution(FilterType.bilinear),
        crop_box=CropBox(left, top, right - left, bottom - top),
    )
    Resizer().resize_pil(image, resized, options)
    return resized


def _eight_bit(image: Image.Image) -> Image.Image:
    """`L` or `RGB` with the same look: alpha over white, 16-bit scaled down, colours converted."""
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
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _over_white(image: Image.Image) -> Image.Image:
    # Pillow has no way from premultiplied grey but through its own kind.
    picture = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _from_integers(image: Image.Image) -> Image.Image:
    deep = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8))


def _from_floats(image: Image.Image, scale: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(image) * np.float32(scale), posinf=255.0, neginf=0.0)
    return Image.fromarray(np.clip(values.round(), 0, 255).astype(np.uint8))
