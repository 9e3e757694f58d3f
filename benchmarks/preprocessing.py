"""What decoding and resizing cost on one core, by picture size and by library."""

import io
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
import torch
from PIL import Image

from benchmarks.bare import pillow_input
from handler.decoding import decode
from handler.resizing import network_input, resample_with_simd
from scripts.packaging.reference import WEIGHTS

SIZES = [(256, 192), (500, 375), (1024, 768), (2000, 1500), (4000, 3000), (8000, 6000)]
MAX_BYTES = 4_900_000  # a little under the service's limit
_transforms = WEIGHTS.transforms()


def mosaic(pictures: Sequence[Path], width: int, height: int) -> bytes:
    """A JPEG of real pictures side by side, so that its pixels are as sharp as photographs'."""
    tile = (500, 375)
    canvas = Image.new("RGB", (max(width, tile[0]), max(height, tile[1])))
    places = [
        (x, y) for y in range(0, canvas.height, tile[1]) for x in range(0, canvas.width, tile[0])
    ]
    for i, place in enumerate(places):
        picture = Image.open(pictures[i % len(pictures)]).convert("RGB").resize(tile)
        canvas.paste(picture, place)
    if (width, height) != canvas.size:
        canvas = canvas.resize((width, height))
    for quality in range(91, 10, -10):
        file = io.BytesIO()
        canvas.save(file, "JPEG", quality=quality)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()


def by_torchvision(data: bytes) -> Any:
    return _transforms(Image.open(io.BytesIO(data)).convert("RGB"))


def exactly(data: bytes) -> Any:
    return network_input(*decode(data))


def with_simd(data: bytes) -> Any:
    return network_input(*decode(data), resample_with_simd)


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "Pillow": lambda data: Image.open(io.BytesIO(data)).load(),
    "simplejpeg": lambda data: simplejpeg.decode_jpeg(data, "RGB"),
    "OpenCV": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB),
}
WHOLE: dict[str, Callable[[bytes], Any]] = {
    "torchvision": by_torchvision,
    "Pillow, fused resize": pillow_input,
    "ours fp32": exactly,
    "ours int8": with_simd,
}


def milliseconds(pictures: Sequence[Path], rounds: int) -> list[dict[str, Any]]:
    """A row a size: its median milliseconds with each library, one core, rounds interleaved."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    for width, height in SIZES:
        data = mosaic(pictures, width, height)
        times: dict[str, list[float]] = {name: [] for name in [*WHOLE, *DECODERS]}
        repeats = max(1, 3_000_000 // (width * height))
        for _ in range(rounds):
            for name, function in {**WHOLE, **DECODERS}.items():
                start = time.perf_counter()
                for _ in range(repeats):
                    function(data)
                times[name].append((time.perf_counter() - start) / repeats * 1e3)
        exact = by_full_decoding(data).astype(int)
        rows.append(
            {
                "size": [width, height],
                "bytes": len(data),
                "milliseconds": {name: statistics.median(each) for name, each in times.items()},
                "mean_levels_from_exact": float(np.abs(with_simd(data) - exact).mean()),
            }
        )
    return rows


def by_full_decoding(data: bytes) -> Any:
    """Our own resize of every pixel of the picture: what a reduced decoding is measured by."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return network_input(image)
