"""An image to the pixels the network sees: `uint8 [224, 224, 3]`.

They are those of torchvision's `ResNet18_Weights.IMAGENET1K_V1.transforms()` before scaling and
normalisation (shorter side to 256, bilinear with antialias, centre crop of 224); what lies outside
the crop is never computed.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.colours import eight_bit

try:
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
except ModuleNotFoundError:  # it has no wheels for ARM
    HAS_SIMD = False
else:
    HAS_SIMD = True

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Resample = Callable[[Image.Image, tuple[int, int], Box], Image.Image]  # image, size, box

RESIZE = 256  # pixels, the shorter side
CROP = 224  # pixels


def resample_exactly(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """The box of an image at another size, every rounding as torchvision's."""
    left, top, right, bottom = box
    if top == int(top) and bottom - top == size[1]:
        # Pillow skips the vertical pass where all rows are kept.
        image = image.crop((0, int(top), image.width, int(bottom)))
        box = (left, 0, right, image.height)
    return image.resize(size, Image.Resampling.BILINEAR, box)


def resample_with_simd(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """The same in a third of the time; about one value in 300 differs by one level of 255.

    Only where HAS_SIMD.
    """
    left, top, right, bottom = box
    resized = Image.new(image.mode, size)
    options = ResizeOptions(
        resize_alg=ResizeAlg.convolution(FilterType.bilinear),
        crop_box=CropBox(left, top, right - left, bottom - top),
    )
    Resizer().resize_pil(image, resized, options)
    return resized


def network_input(
    image: Image.Image, extent: Box | None = None, resample: Resample = resample_exactly
) -> Pixels:
    """`uint8 [224, 224, 3]`: resized, cropped and RGB. `extent` is that of a decoded `Picture`."""
    image = eight_bit(image)
    x, y, x_end, y_end = extent or (0, 0, *image.size)
    left, top, right, bottom = crop_box(x_end - x, y_end - y)
    left, top, right, bottom = left + x, top + y, right + x, bottom + y
    # The rows that the crop's pixels reach: at most one output pixel's height beyond it.
    reach = max(1.0, (bottom - top) / CROP)
    first = max(0, math.floor(top - reach))
    last = min(image.height, math.ceil(bottom + reach))
    # Across, then down, as torchvision does: in the other order the roundings differ.
    across = resample(image, (CROP, last - first), (left, first, right, last))
    resized = resample(across, (CROP, CROP), (0, top - first, CROP, bottom - first))
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
