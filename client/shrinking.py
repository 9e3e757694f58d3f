"""A smaller copy of a picture that is too large to be sent, as the page makes it too.

Only of kinds that Pillow decodes as the service does without more ado: of others, such as a TIFF
or a PNG of a high dynamic range, a copy could have other colours, and so get a wrong answer.
"""

import io
import threading
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

from client.errors import ServiceError

LARGEST_BODY = 5_000_000  # bytes: more the service refuses
SHORTER_SIDE = 512  # pixels: twice what the network resizes to, so nothing visible is lost
QUALITY = 90
MAX_ASPECT = 4  # the network looks at the centre
JPEG_MODES = ("L", "RGB", "CMYK")
FORMATS = ("JPEG", "PNG", "WEBP")
LONGEST_EXIF = 60_000  # bytes; a JPEG's segment has room for 65,533
USUAL_GAMMA, NEARLY = 1 / 2.2, 0.02  # of a PNG: about sRGB's, and what makes no difference

# A photograph takes 100 MB meanwhile.
_one_at_a_time = threading.Lock()


def shrunk(picture: bytes) -> bytes:
    """A JPEG of its middle. Raises ServiceError where that can't be made truthfully."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its size, and of metadata that nobody needs
        # There is no end to what a damaged file makes a decoder raise.
        try:
            with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
                is_plain = not isinstance(image, PngImageFile) or _is_plain_png(picture, image)
                copy = _jpeg(image) if is_plain else None
        except UnidentifiedImageError:
            copy = None
        except Exception as error:
            raise _unshrinkable(picture, str(error) or "it can't be decoded") from error
    if copy is None:
        raise _unshrinkable(
            picture, "that is done only for JPEG, WebP and ordinary 8-bit PNG. Export it as a JPEG"
        )
    return copy


def _unshrinkable(picture: bytes, why: str) -> ServiceError:
    message = f"has {len(picture):,} bytes, and no smaller copy can be made: {why}"
    return ServiceError("body_too_large", message)


def _is_plain_png(picture: bytes, image: PngImageFile) -> bool:
    """No more than 8 bits, its colours sRGB's, and its first frame the one that is shown."""
    is_deep = str(image.tile[0].args).endswith("16B")  # Pillow's raw modes
    says_more = b"cICP" in picture[: picture.find(b"IDAT")] or "default_image" in image.info
    gamma = image.info.get("gamma", USUAL_GAMMA)
    is_usual = abs(gamma - USUAL_GAMMA) < NEARLY or "srgb" in image.info
    return is_usual and not is_deep and not says_more


def _jpeg(image: Image.Image) -> bytes:
    """It lies as it is stored, and keeps the EXIF by which the service turns it."""
    exif = image.info.get("exif", b"").removeprefix(b"Exif\0\0")[:LONGEST_EXIF]
    profile = image.info.get("icc_profile")
    image.draft(None, (2 * SHORTER_SIDE, 2 * SHORTER_SIDE))  # decodes a JPEG at a fraction
    image.load()
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
    exif = b"Exif\0\0" + exif if exif else b""
    image.save(file, "JPEG", quality=QUALITY, icc_profile=profile, exif=exif, comment=b"")
    return file.getvalue()


def _middle(image: Image.Image) -> Image.Image:
    """Without the far ends."""
    longest = MAX_ASPECT * min(image.size)
    width, height = (min(side, longest) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
