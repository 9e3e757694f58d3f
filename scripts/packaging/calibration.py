"""The pictures an int8 archive is made with: one half calibrates, the other judges the result."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from handler.errors import ClientError
from handler.picture import Pixels, decode, network_input, picture_format
from scripts import SAMPLES

MOST = 300  # pictures that calibrate: NNCF's own default; more change little
FEWEST = 20  # pictures in a folder: with fewer, agreement says nothing


@dataclass(frozen=True)
class Calibration:
    """Pixels are uint8 [N, 224, 224, 3]."""

    calibrating: Pixels
    judging: Pixels
    class_ids: list[int] | None  # of the judging pictures, where they are known
    origin: str


def from_folder(folder: Path, classes: int) -> Calibration:
    """Every second picture of a folder, subfolders included, calibrates; the others judge.

    A table labels.tsv in it (columns file and class_id) gives the right classes.
    Raises ValueError where there is too little to work with.
    """
    if not folder.is_dir():
        raise ValueError(f"CALIBRATION={folder}: there is no such folder")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and _is_picture(path))
    stride = max(1, len(paths) // (2 * MOST))
    known = _class_ids(folder, classes)
    pixels, class_ids, unreadable = [], [], 0
    for path in tqdm(paths[::stride][: 2 * MOST], desc="read pictures", unit="picture"):
        try:
            pixels.append(network_input(*decode(path.read_bytes())))
        except ClientError:
            unreadable += 1
            continue
        class_ids.append(known.get(path.relative_to(folder).as_posix()))
    if len(pixels) < FEWEST:
        raise ValueError(
            f"CALIBRATION={folder} has {len(pixels)} pictures that can be read. At least {FEWEST} "
            "are needed, 200 or more are better, and of the kind the service will see"
        )
    judged = [class_id for class_id in class_ids[1::2] if class_id is not None]
    return Calibration(
        np.stack(pixels[::2]),
        np.stack(pixels[1::2]),
        judged if len(judged) == len(pixels[1::2]) else None,
        f"half of {folder.name}/" + (f", {unreadable} unreadable left out" if unreadable else ""),
    )


def from_samples() -> Calibration:
    """Windows of the project's own photographs, for people who have no others at hand.

    The judging windows are nearly whole photographs, as a service sees them: half of one is often
    of two classes at once, about which the precisions may well disagree.
    """
    return Calibration(
        np.stack([window for path in _samples() for window in _windows(path, 5, 0.6)]),
        np.stack([window for path in _samples() for window in _windows(path, 4, 0.9)]),
        None,
        "windows of the project's own photographs",
    )


def sample_crops() -> Pixels:
    """24 real pictures for the network: each sample whole, and three windows of it."""
    crops = []
    for path in _samples():
        image = decode(path.read_bytes()).image
        crops.append(network_input(image))
        width, height = image.size
        for left, top in ((0, 0), (width // 3, height // 3), (width // 2, 0)):
            window = (left, top, left + width // 2, top + height // 2)
            crops.append(network_input(image.crop(window)))
    return np.stack(crops)


def _windows(path: Path, steps: int, part: float) -> list[Pixels]:
    """steps x steps windows, evenly spread, each `part` as wide and high as the picture."""
    image = decode(path.read_bytes()).image
    width, height = (int(side * part) for side in image.size)
    lefts = np.linspace(0, image.width - width, steps, dtype=int)
    tops = np.linspace(0, image.height - height, steps, dtype=int)
    return [
        network_input(image.crop((left, top, left + width, top + height)))
        for top in tops.tolist()
        for left in lefts.tolist()
    ]


def _samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.jpg"))


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return picture_format(file.read(256)) is not None


def _class_ids(folder: Path, classes: int) -> dict[str, int]:
    """File to class_id, or nothing where the table is absent or of another set of classes."""
    table = folder / "labels.tsv"
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8", newline="") as file:
        known = {row["file"]: int(row["class_id"]) for row in csv.DictReader(file, delimiter="\t")}
    return known if all(class_id < classes for class_id in known.values()) else {}
