"""A picture's bytes to the network's input, with the time that each step took."""

import time
from contextlib import nullcontext
from threading import Lock
from typing import NamedTuple

from handler.decoding import load, open_picture
from handler.limits import MAX_CONCURRENT_PIXELS
from handler.preset import IMAGENET, Preset
from handler.resizing import (
    HAS_SIMD,
    Pixels,
    Resample,
    network_input,
    resample_exactly,
    resample_with_simd,
)


class Preprocessed(NamedTuple):
    pixels: Pixels  # uint8 [crop, crop, 3], RGB
    format: str  # as `picture_format` names it
    decode_seconds: float
    resize_seconds: float  # ... with the conversion to RGB


class Preprocessor:
    """Decode, resize and crop, from any number of threads; large pictures one at a time."""

    def __init__(self, exact: bool, preset: Preset = IMAGENET) -> None:
        """exact: round as torchvision does, also where a third of the time would do."""
        self.preset = preset
        is_exact = exact or not HAS_SIMD
        self._resample: Resample = resample_exactly if is_exact else resample_with_simd
        self._large = Lock()

    def __call__(self, data: bytes) -> Preprocessed:
        """Raises a ClientError that names the cause."""
        image, format = open_picture(data)
        is_large = image.width * image.height > MAX_CONCURRENT_PIXELS
        with self._large if is_large else nullcontext():
            started = time.perf_counter()
            picture = load(image, format, self.preset)
            decoded = time.perf_counter()
            pixels = network_input(*picture, self._resample, self.preset)
            return Preprocessed(pixels, format, decoded - started, time.perf_counter() - decoded)
