"""The pictures an int8 archive is made with: one half calibrates, the other judges the result."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from handler.decoding import decode
from handler.errors import ClientError
from handler.formats import picture_format
from handler.preset import IMAGENET, Preset
from handler.resizing import Pixels, network_input
from scripts import SAMPLES

MAX_CALIBRATING = 300  # pictures: NNCF's own default; more change little
IMAGENET_CLASSES = 1000
LABELS = "labels.tsv"
MIN_PICTURES = 20  # in a folder: with fewer, agreement says nothing


@dataclass(frozen=True)
class CalibrationPictures:
    """Pixels are uint8 [N, crop, crop, 3]."""

    calibrating: Pixels
    judging: Pixels
    class_ids: list[int] | None  # of the judging pictures, where they are known
    origin: str
    is_of_other_classes: bool = False  # than the model's


def from_folder(folder: Path, classes: int, preset: Preset = IMAGENET) -> CalibrationPictures:
    """Every second picture of a folder, subfolders included, calibrates; the others judge.

    A table labels.tsv in it (columns file and class_id) gives the right classes.
    Raises ValueError where there are too few pictures, or the table lacks one of them.
    """
    if not folder.is_dir():
        raise ValueError(f"CALIBRATION={folder}: there is no such folder")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and _is_picture(path))
    stride = max(1, math.ceil(len(paths) / (2 * MAX_CALIBRATING)))  # over the whole folder
    known = _class_ids(folder)
    is_of_others = any(class_id >= classes for class_id in known.values())
    pixels, class_ids, unreadable = [], list[int](), 0
    for path in tqdm(paths[::stride], desc="read pictures", unit="picture", disable=None):
        try:
            pixels.append(network_input(*decode(path.read_bytes(), preset), preset=preset))
        except ClientError:
            unreadable += 1
            continue
        name = path.relative_to(folder).as_posix()
        if known and not is_of_others:
            if name not in known:
                raise ValueError(
                    f"{folder / LABELS} has no line for {name}: complete it, or leave it out"
                )
            class_ids.append(known[name])
    if len(pixels) < MIN_PICTURES:
        raise ValueError(
            f"CALIBRATION={folder} has {len(pixels)} readable pictures. At least {MIN_PICTURES} "
            "are needed; 200 or more, of the kind the service will see, are better"
        )
    return CalibrationPictures(
        np.stack(pixels[::2]),
        np.stack(pixels[1::2]),
        class_ids[1::2] if class_ids else None,
        f"half of {folder.name}/" + (f", {unreadable} unreadable left out" if unreadable else ""),
        is_of_others,
    )


def from_samples(classes: int, preset: Preset = IMAGENET) -> CalibrationPictures:
    """Windows of the project's own photographs, for people who have no others at hand.

    The judging windows are nearly whole photographs, as a service sees them: half a photograph
    often shows two classes at once, on which the precisions may well disagree.
    """
    return CalibrationPictures(
        np.stack([window for path in _samples() for window in _windows(path, 5, 0.6, preset)]),
        np.stack([window for path in _samples() for window in _windows(path, 4, 0.9, preset)]),
        None,
        "windows of the project's own photographs",
        classes != IMAGENET_CLASSES,
    )


def sample_crops(preset: Preset = IMAGENET) -> Pixels:
    """24 real pictures as the network sees them: each sample whole, and three windows of it."""
    crops = []
    for path in _samples():
        image = decode(path.read_bytes(), preset).image
        crops.append(network_input(image, preset=preset))
        width, height = image.size
        for left, top in ((0, 0), (width // 3, height // 3), (width // 2, 0)):
            window = (left, top, left + width // 2, top + height // 2)
            crops.append(network_input(image.crop(window), preset=preset))
    return np.stack(crops)


def _windows(path: Path, steps: int, part: float, preset: Preset) -> list[Pixels]:
    """steps x steps windows, evenly spread, each `part` as wide and high as the picture."""
    image = decode(path.read_bytes(), preset).image
    width, height = (int(side * part) for side in image.size)
    lefts = np.linspace(0, image.width - width, steps, dtype=int)
    tops = np.linspace(0, image.height - height, steps, dtype=int)
    return [
        network_input(image.crop((left, top, left + width, top + height)), preset=preset)
        for top in tops.tolist()
        for left in lefts.tolist()
    ]


def _samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.jpg"))


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return picture_format(file.read(256)) is not None


def _class_ids(folder: Path) -> dict[str, int]:
    """File to class_id; empty where there is no table. Raises ValueError where it can't be read."""
    table = folder / LABELS
    if not table.is_file():
        return {}
    known = {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        for row in rows:
            try:
                known[row["file"]] = int(row["class_id"])
            except (KeyError, TypeError, ValueError):
                raise ValueError(
                    f"{table}, line {rows.line_num}: a file and its class_id are needed, with a "
                    "tab between them, under a first line that names these two columns"
                ) from None
    return known
