"""TIFF: which kinds of pixels are read, and how; all others are refused by name.

libtiff decodes, through Pillow. Pillow's own table of kinds takes some for others, which gives
wrong pixels: here only those pass that are known to be right.
"""

import io
import math
from typing import NamedTuple

from PIL import Image, ImageFile, ImagePalette

from handler.errors import UnsupportedKind
from handler.grey_values import WHITES, Samples, grey
from handler.limits import MAX_TILE_PIXELS
from handler.tiff_tags import Tag, Tags, first_page

WHITE, BLACK, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8  # photometric interpretations
COLOURS = {  # each one's name and samples
    WHITE: ("grey", 1),
    BLACK: ("grey", 1),
    RGB: ("RGB", 3),
    PALETTE: ("palette", 1),
    CMYK: ("CMYK", 4),
    YCBCR: ("YCbCr", 3),
    LAB: ("L*a*b*", 3),
}
OLD_JPEG, JPEG = 6, 7
CCITT = {2, 3, 4}
# ... none, LZW, both numbers of deflate, PackBits, LZMA, Zstandard: what Pillow's libtiff has.
COMPRESSIONS = {1, 5, 8, 32946, 32773, 34925, 50000, OLD_JPEG, JPEG} | CCITT
NAMES_OF_COLOURS = {
    4: "transparency masks",
    9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours",
    32803: "a camera's raw data",
    32844: "LogL greys",
    32845: "LogLuv colours",
    34892: "a camera's raw data",
}
NAMES_OF_COMPRESSIONS = {
    34676: "SGI Log",
    34677: "SGI Log",
    34712: "JPEG 2000",
    34887: "LERC",
    50001: "WebP",
    50002: "JPEG XL",
}
SEPARATE = 2  # planes
UNSIGNED, UNDEFINED = 1, 4  # sample formats
KINDS = {UNSIGNED: "unsigned", 2: "signed", 3: "floating-point", UNDEFINED: "unsigned"}
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2  # extra samples: not alpha, and alpha of two kinds
ALPHA = {UNSPECIFIED: "an extra channel", ASSOCIATED: "premultiplied alpha", UNASSOCIATED: "alpha"}

# Photometric interpretation, bits and first extra sample of unsigned samples: Pillow's mode, and
# its name for how they come from libtiff, which is in this machine's byte order.
LAYOUTS: dict[tuple[int, int, int | None], tuple[str, str]] = {
    (WHITE, 1, None): ("1", "1;I"),
    (BLACK, 1, None): ("1", "1"),
    (WHITE, 2, None): ("L", "L;2I"),
    (BLACK, 2, None): ("L", "L;2"),
    (WHITE, 4, None): ("L", "L;4I"),
    (BLACK, 4, None): ("L", "L;4"),
    (WHITE, 8, None): ("L", "L;I"),
    (BLACK, 8, None): ("L", "L"),
    (BLACK, 8, UNSPECIFIED): ("L", "LX"),
    (BLACK, 8, ASSOCIATED): ("La", "La"),
    (BLACK, 8, UNASSOCIATED): ("LA", "LA"),
    (RGB, 8, None): ("RGB", "RGB"),
    (RGB, 8, UNSPECIFIED): ("RGB", "RGBX"),
    (RGB, 8, ASSOCIATED): ("RGBA", "RGBa"),
    (RGB, 8, UNASSOCIATED): ("RGBA", "RGBA"),
    (RGB, 16, None): ("RGB", "RGB;16N"),
    (RGB, 16, UNSPECIFIED): ("RGB", "RGBX;16N"),
    (RGB, 16, ASSOCIATED): ("RGBA", "RGBa;16N"),
    (RGB, 16, UNASSOCIATED): ("RGBA", "RGBA;16N"),
    (PALETTE, 1, None): ("P", "P;1"),
    (PALETTE, 2, None): ("P", "P;2"),
    (PALETTE, 4, None): ("P", "P;4"),
    (PALETTE, 8, None): ("P", "P"),
    (PALETTE, 8, UNSPECIFIED): ("P", "PX"),
    (PALETTE, 8, UNASSOCIATED): ("PA", "PA"),
    (CMYK, 8, None): ("CMYK", "CMYK"),
    (CMYK, 8, UNSPECIFIED): ("CMYK", "CMYKX"),
    (CMYK, 16, None): ("CMYK", "CMYK;16N"),
    (YCBCR, 8, None): ("RGB", "RGBX"),
    (LAB, 8, None): ("LAB", "LAB"),
}
# Bits per pixel: modes that keep the bytes of a grey for which Pillow has no mode.
BYTES = {8: ("L", "L"), 16: ("I;16", "I;16N"), 32: ("RGBA", "RGBA")}
# Colours and extra samples whose planes may lie one after the other.
PLANES = {(WHITE, ()), (BLACK, ()), (RGB, ()), (RGB, (UNASSOCIATED,)), (CMYK, ()), (YCBCR, ())}
GREY_WITH: dict[int | None, str] = {UNSPECIFIED: "L", ASSOCIATED: "La", UNASSOCIATED: "LA"}


class Pixel(NamedTuple):
    """What the tags say of one."""

    photometric: int
    bits: int  # of each sample
    kind: str  # of the samples
    extras: tuple[int, ...]
    compression: int
    is_planar: bool

    def __str__(self) -> str:
        depth = f"{self.bits}-bit" + ("" if self.kind == "unsigned" else f" {self.kind}")
        alpha = "".join(f" with {ALPHA.get(extra, 'alpha')}" for extra in self.extras[:1])
        return f"{depth} {COLOURS[self.photometric][0]}{alpha}" + " in planes" * self.is_planar


class Layout(NamedTuple):
    mode: str
    raw_mode: str
    samples: Samples | None = None  # what to make grey of


class TiffPage(ImageFile.ImageFile):
    """The page to look at, as it is stored: `orientation` is how to turn it."""

    format = "TIFF"

    def __init__(self, data: bytes) -> None:
        """Raises UnsupportedKind; where the file is damaged, anything else."""
        self._page = first_page(data)
        self._layout = layout(pixel(self._page.tags))
        super().__init__(io.BytesIO(data))
        self.decodermaxblock = len(data)  # libtiff wants it all at once

    def _open(self) -> None:
        start, tags = self._page
        self._mode = self._layout.mode
        self._size = tags[Tag.WIDTH][0], tags[Tag.HEIGHT][0]
        tile = [tags.get(side, (0,))[0] for side in (Tag.TILE_WIDTH, Tag.TILE_HEIGHT)]
        if math.prod(tile) > max(MAX_TILE_PIXELS, 1.25 * math.prod(self.size)):
            raise ValueError(tile)
        if self.mode in ("P", "PA"):
            entries = tags[Tag.COLOUR_MAP]
            shift = 8 if max(entries) > 255 else 0  # some writers fill only 8 of the 16 bits
            self.palette = ImagePalette.raw("RGB;L", bytes(entry >> shift for entry in entries))
        args = (self._layout.raw_mode, False, start)
        self.tile = [ImageFile._Tile("libtiff", (0, 0, *self.size), 0, args)]

    @property
    def orientation(self) -> int:
        return self._page.tags.get(Tag.ORIENTATION, (1,))[0]

    def loaded(self) -> Image.Image:
        """In one of Pillow's modes."""
        self.load()
        samples = self._layout.samples
        return grey(self, samples) if samples else self


def pixel(tags: Tags) -> Pixel:
    """Raises UnsupportedKind where its samples differ, or something is not known at all."""
    compression = tags.get(Tag.COMPRESSION, (1,))[0]
    if compression not in COMPRESSIONS:
        name = NAMES_OF_COMPRESSIONS.get(compression, f"compression {compression}")
        raise UnsupportedKind(f"TIFFs that are compressed by {name}")
    count = tags.get(Tag.SAMPLES_PER_PIXEL, (1,))[0]
    guess = RGB if count > 2 else WHITE if compression in CCITT else BLACK
    photometric = tags.get(Tag.PHOTOMETRIC, (guess,))[0]
    if photometric not in COLOURS:
        name = NAMES_OF_COLOURS.get(photometric, f"photometric interpretation {photometric}")
        raise UnsupportedKind(f"TIFFs of {name}")
    bits = set(tags.get(Tag.BITS, (1,))[:count])
    kinds = {KINDS.get(kind, "complex") for kind in tags.get(Tag.SAMPLE_FORMAT, (UNSIGNED,))}
    extra = count - COLOURS[photometric][1]
    if len(bits) > 1 or len(kinds) > 1 or extra < 0:
        raise UnsupportedKind(f"TIFFs with these {count} samples per pixel")
    # Of a fourth sample of RGB nothing need be said: Pillow and ImageMagick take it for alpha.
    extras = tags.get(Tag.EXTRA_SAMPLES, (UNASSOCIATED,) if photometric == RGB else ())
    extras = (*extras, *[UNSPECIFIED] * min(extra, 8))[:extra]
    is_planar = count > 1 and tags.get(Tag.PLANAR, (1,))[0] == SEPARATE
    return Pixel(photometric, bits.pop(), kinds.pop(), extras, compression, is_planar)


def layout(pixel: Pixel) -> Layout:
    """Raises UnsupportedKind."""
    photometric, bits, kind, extras, compression, is_planar = pixel
    if is_planar and set(extras) == {UNSPECIFIED}:
        extras = ()  # of the planes only the first are read
    first, others = extras[0] if extras else None, extras[1:]
    is_grey = photometric in (WHITE, BLACK)
    if _can_be_taken_over(pixel._replace(extras=extras)):
        if kind == "unsigned" and (photometric, bits, first) in LAYOUTS:
            mode, raw_mode = LAYOUTS[photometric, bits, first]
            if photometric == YCBCR and compression == JPEG and not is_planar:
                raw_mode = "RGB"  # converted by the JPEG decoder
            return Layout(mode, raw_mode + "X" * len(others))
        if is_grey and (kind, bits) in WHITES and not extras:
            return Layout(*BYTES[bits], Samples(kind, bits, photometric == WHITE))
        if (photometric, kind, bits) == (BLACK, "unsigned", 16) and first in GREY_WITH:
            return Layout(*BYTES[32], Samples(kind, bits, False, GREY_WITH[first]))
    raise UnsupportedKind(f"TIFFs of {pixel}")


def _can_be_taken_over(pixel: Pixel) -> bool:
    """Whether compression, planes and further channels are as Pillow's half of the decoder does."""
    photometric, bits, _, extras, compression, is_planar = pixel
    if compression in CCITT and bits != 1:
        return False
    if compression == OLD_JPEG and photometric != YCBCR:
        return False
    if is_planar:  # it takes each plane as it is, one for each channel of the mode
        return (photometric, extras) in PLANES and bits in (8, 16)
    is_wide = bits == 8 and photometric in (RGB, CMYK)
    return len(extras) < 2 or (is_wide and len(extras) <= 3 and not any(extras[1:]))
