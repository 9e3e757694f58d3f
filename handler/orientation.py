"""Which way up a picture is, by EXIF's orientation and nothing else.

Pillow's `getexif` and `exif_transpose` parse, and write anew, all of a camera's metadata: a tag of
another type than they expect fails a sound picture. And they fall back to XMP, which browsers do
not obey.
"""

import re
import struct

from PIL import Image

from handler.tiff import TiffPage

ORIENTATION, SHORT = 274, 3  # a tag and a type (TIFF 6.0, section 2)

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def exif_orientation(exif: bytes) -> int:
    """1 to 8 (EXIF 2.32, 4.6.4 A); 1 where nothing, or nothing that browsers obey, says another."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values, value = struct.unpack_from(order + "HHIH", tiff, at)
            if tag == ORIENTATION:
                return value if (kind, values) == (SHORT, 1) and value in TURNS else 1
    except struct.error:  # it ends too early
        pass
    return 1


def without_exif(avif: bytes) -> bytes:
    """An AVIF is turned by its own boxes alone (AVIF 1.1, 4.1).

    Pillow compares EXIF with them, and fails where it can't write that anew.
    """
    # An item's entry (ISO/IEC 14496-12, 8.11.6.2): its number, protection and type.
    return re.sub(rb"(infe[\2\3].{7,9})Exif", rb"\1skip", avif, flags=re.DOTALL)


def stored_orientation(image: Image.Image) -> int:
    if isinstance(image, TiffPage):
        return image.orientation
    return exif_orientation(image.info.get("exif", b""))


def upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image
