"""Pictures to teach: crops of the samples."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from scripts import SAMPLES

SIDE = 256  # pixels


def crops(
    folder: Path,
    classes: Mapping[str, tuple[str, int]],
    seed: int = 0,
    sides: tuple[float, float] = (0.4, 0.7),
) -> Path:
    """Class folders, of so many crops of one sample picture each. sides: of its shorter one."""
    generator = np.random.default_rng(seed)
    for name, (sample, count) in classes.items():
        picture = Image.open(SAMPLES / f"{sample}.jpg").convert("RGB")
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            side = min(picture.size) * generator.uniform(*sides)
            left, top = (generator.uniform(0, length - side) for length in picture.size)
            box = (left, top, left + side, top + side)
            crop = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)
            crop.save(folder / name / f"{seed}-{number}.jpg")
    return folder
