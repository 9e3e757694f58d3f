"""An image to the pixels the network sees: `uint8 [crop, crop, 3]`, ImageNet's `[224, 224, 3]`.

They are those of torchvision's transforms before scaling and normalisation (`Resize` of the shorter
side with antialias, `CenterCrop`); what lies outside the crop is never computed.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.colours import eight_bit
from handler.model_card import Interpolation
from handler.preset import IMAGENET, Preset

try:
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
except ModuleNotFoundError:  # it has no wheels for ARM
    HAS_SIMD = False
else:
    HAS_SIMD = True

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Resample = Callable[[Image.Image, tuple[int, int], Box, Interpolation], Image.Image]

# How far a pixel's filter reaches, in output pixels.
REACH: dict[Interpolation, int] = {"bilinear": 1, "bicubic": 2}


def resample_exactly(
    image: Image.Image, size: tuple[int, int], box: Box, interpolation: Interpolation
) -> Image.Image:
    """The box of an image at another size, every rounding as torchvision's."""
    left, top, right, bottom = box
    if top == int(top) and bottom - top == size[1]:
        # Pillow skips the vertical pass where all rows are kept.
        image = image.crop((0, int(top), image.width, int(bottom)))
        box = (left, 0, right, image.height)
    return image.resize(size, Image.Resampling[interpolation.upper()], box)


def resample_with_simd(
    image: Image.Image, size: tuple[int, int], box: Box, interpolation: Interpolation
) -> Image.Image:
    """The same in a third of the time; about one value in 300 differs by one level of 255.

    Only where HAS_SIMD.
    """
    left, top, right, bottom = box
    resized = Image.new(image.mode, size)
    # Pillow's bicubic is Catmull and Rom's: a = -0.5.
    filter = FilterType.bilinear if interpolation == "bilinear" else FilterType.catmull_rom
    options = ResizeOptions(
        resize_alg=ResizeAlg.convolution(filter),
        crop_box=CropBox(left, top, right - left, bottom - top),
    )
    Resizer().resize_pil(image, resized, options)
    return resized


def network_input(
    image: Image.Image,
    extent: Box | None = None,
    resample: Resample = resample_exactly,
    preset: Preset = IMAGENET,
) -> Pixels:
    """`uint8 [crop, crop, 3]`: resized, cropped, RGB. `extent` is that of a decoded `Picture`."""
    image = eight_bit(image)
    x, y, x_end, y_end = extent or (0, 0, *image.size)
    left, top, right, bottom = crop_box(x_end - x, y_end - y, preset)
    left, top, right, bottom = left + x, top + y, right + x, bottom + y
    crop, interpolation = preset.crop, preset.interpolation
    # The rows that the crop's pixels reach.
    reach = REACH[interpolation] * max(1.0, (bottom - top) / crop)
    first = max(0, math.floor(top - reach))
    last = min(image.height, math.ceil(bottom + reach))
    # Across, then down, as torchvision does: in the other order the roundings differ. (Of tall
    # pictures Pillow 13 reduces the height first, where that is quicker; networks that were trained
    # with an older one saw them like this.)
    across = resample(image, (crop, last - first), (left, first, right, last), interpolation)
    vertical = (0, top - first, crop, bottom - first)
    resized = resample(across, (crop, crop), vertical, interpolation)
    return np.asarray(resized.convert("RGB"))


def crop_box(width: float, height: float, preset: Preset = IMAGENET) -> Box:
    """The centre crop in the source's coordinates.

    The rounding is torchvision's (`functional.resize`, `functional.center_crop`): the longer side
    becomes `int(256 * long / short)` and the crop starts at `int(round((side - 224) / 2))`, with
    ImageNet's sizes.
    """
    resize, crop = preset.resize, preset.crop
    short, long = sorted((width, height))
    resized_long = int(resize * long / short)
    resized = (resize, resized_long) if width <= height else (resized_long, resize)
    left, top = (round((side - crop) / 2) for side in resized)
    across, down = width / resized[0], height / resized[1]
    return left * across, top * down, (left + crop) * across, (top + crop) * down
