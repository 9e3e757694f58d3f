"""A smaller copy of a picture that is too large to be sent, as the page makes it too."""

import io
import threading
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from client.errors import ServiceError
from client.pictures import FORMATS

LARGEST_BODY = 5_000_000  # bytes: more the service refuses
SHORTER_SIDE = 512  # pixels: twice what the network resizes to, so nothing visible is lost
QUALITY = 90
MAX_ASPECT = 4  # the network looks at the centre
JPEG_MODES = ("L", "RGB", "CMYK")

# A photograph takes 100 MB meanwhile.
_one_at_a_time = threading.Lock()


def shrunk(picture: bytes) -> bytes:
    """An upright JPEG of its middle. Raises ServiceError where Pillow can't read the picture."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
                return _jpeg(image)
        except UnidentifiedImageError as error:
            raise _unshrinkable(picture, "it is no picture in a format that is known") from error
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise _unshrinkable(picture, str(error)) from error


def _unshrinkable(picture: bytes, why: str) -> ServiceError:
    message = f"has {len(picture):,} bytes, and no smaller copy can be made: {why}"
    return ServiceError("body_too_large", message)


def _jpeg(image: Image.Image) -> bytes:
    if image.mode.startswith(("I", "F")):
        raise ValueError("it has more than 8 bits for each colour")
    profile = image.info.get("icc_profile")
    image.draft(None, (2 * SHORTER_SIDE, 2 * SHORTER_SIDE))  # decodes a JPEG at a fraction
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in (*JPEG_MODES, "RGBA", "LA"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    scale = min(1.0, SHORTER_SIDE / min(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    image = _middle(image.resize((width, height), reducing_gap=2.0))
    if image.mode not in JPEG_MODES:
        # White below, as in the service.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, icc_profile=profile, exif=b"")
    return file.getvalue()


def _middle(image: Image.Image) -> Image.Image:
    """Without the far ends."""
    longest = MAX_ASPECT * min(image.size)
    width, height = (min(side, longest) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
