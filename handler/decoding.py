"""A picture's bytes to an upright image, within the limits.

Large JPEGs are decoded at a fraction of their size, which changes what the network sees by less
than one level of 255 on average.
"""

import io
from typing import NamedTuple

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile

from handler.colours import eight_bit, with_usual_gamma
from handler.errors import (
    ClientError,
    CorruptPicture,
    PictureTooLarge,
    TooManyScans,
    UnsupportedFormat,
    UnsupportedKind,
)
from handler.file_structure import has_too_many_pieces, jpeg_scans
from handler.formats import picture_format
from handler.kinds import refuse_unsupported
from handler.limits import MAX_PIXELS, MAX_SCANNED_PIXELS
from handler.orientation import stored_orientation, upright, without_exif
from handler.preset import IMAGENET, Preset
from handler.resizing import Box
from handler.tiff import TiffPage

# A JPEG is decoded at 1/2, 1/4 or 1/8 where its shorter side keeps at least so many times what it
# is resized to: the decoder reduces cheaply, and leaves at least half of the reduction to the rest.
MIN_JPEG_SCALE = 2

DEEP = ("I;16B", "RGB;16B")  # Pillow's raw modes of PNGs that may have a transparent colour

# MAX_PIXELS is stricter and is checked before a pixel is decoded; Pillow's own limit would only add
# a warning.
Image.MAX_IMAGE_PIXELS = None


class Picture(NamedTuple):
    """A decoded picture. `extent` is where in the image it lies: all of it, or nearly.

    Where a JPEG was decoded at a fraction, a row and a column at the edge may be filled in part.
    """

    image: Image.Image
    extent: Box


def decode(data: bytes, preset: Preset = IMAGENET) -> Picture:
    """The first frame, upright, all of it in memory. Raises a ClientError that names the cause."""
    return load(*open_picture(data), preset)


def open_picture(data: bytes) -> tuple[Image.Image, str]:
    """A picture within the limits, none of whose pixels is decoded yet, and its format."""
    format = picture_format(data)
    if format is None:
        raise UnsupportedFormat
    if has_too_many_pieces(data, format):
        raise CorruptPicture(format)
    refuse_unsupported(data, format)
    # There is no end to what a damaged file makes a decoder raise (OSError, SyntaxError,
    # ValueError, struct.error, IndexError ...), and all of it means the same to the sender.
    try:
        image = _opened(data, format)
    except (ClientError, MemoryError):
        raise
    except Exception as error:
        raise CorruptPicture(format) from error
    if image.width * image.height > MAX_PIXELS:
        raise PictureTooLarge(image.width, image.height, MAX_PIXELS)
    scans = jpeg_scans(data) if format == "JPEG" else 1
    if scans * image.width * image.height > MAX_SCANNED_PIXELS:
        raise TooManyScans(scans)
    return image, format


def load(image: Image.Image, format: str, preset: Preset = IMAGENET) -> Picture:
    """Decode what `open_picture` opened."""
    try:
        least = MIN_JPEG_SCALE * preset.resize
        reduced = image.draft(image.mode, (least, least))
        size = reduced[1][2:] if reduced else image.size
        orientation = stored_orientation(image)
        turned = upright(_loaded(image, format), orientation)
        return Picture(turned, _extent(turned.size, size, orientation))
    except (ClientError, MemoryError):
        raise
    except Exception as error:
        raise CorruptPicture(format) from error


def _opened(data: bytes, format: str) -> Image.Image:
    if format == "TIFF":
        return TiffPage(data)
    if format == "AVIF":
        data = without_exif(data)
    try:
        return Image.open(io.BytesIO(data), formats=[format])
    except OSError as error:
        if str(error).startswith("Unsupported BMP"):
            what = str(error).removeprefix("Unsupported BMP")
            raise UnsupportedKind(f"BMPs with this{what}") from error
        raise


def _loaded(image: Image.Image, format: str) -> Image.Image:
    """Its first frame as browsers show it."""
    if isinstance(image, TiffPage):
        return image.loaded()
    if image.info.get("default_image"):  # an APNG's, for those who don't know of frames
        image.seek(1)
    if isinstance(image, PngImageFile) and image.tile and image.tile[0].args in DEEP:
        _shorten_transparency(image)
    frame = image.tile[0].extents if isinstance(image, GifImageFile) and image.tile else None
    image.load()
    if frame and frame != (0, 0, *image.size):
        # Around its first frame a GIF is transparent; Pillow fills in a colour.
        around = Image.new("RGB", image.size, "white")
        around.paste(eight_bit(image.crop(frame)), frame[:2])
        return around
    if isinstance(image, PngImageFile):
        return with_usual_gamma(image)
    if format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")  # nobody meant to be invisible everywhere
    return image


def _shorten_transparency(image: Image.Image) -> None:
    """Pillow gives of 16-bit colours the high bytes, but of the transparent one all bits."""
    colour = image.info.get("transparency")
    if isinstance(colour, int):
        image.info["transparency"] = colour >> 8
    elif isinstance(colour, tuple):
        image.info["transparency"] = tuple(part >> 8 for part in colour)


def _extent(image: tuple[int, int], size: tuple[float, float], orientation: int | None) -> Box:
    """Where in the upright image a picture of this size before its EXIF rotation lies."""
    width, height = size
    if orientation in (5, 6, 7, 8):  # it lay on its side
        width, height = height, width
    # The edges that were right and bottom may now be left and top.
    left = image[0] - width if orientation in (2, 3, 6, 7) else 0
    top = image[1] - height if orientation in (3, 4, 7, 8) else 0
    return left, top, left + width, top + height
