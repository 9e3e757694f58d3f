"""ncnn's own int8 against OpenVINO's: throughput on all cores, and agreement with float32.

ncnn quantises while it loads where a layer's line says 8=2 and its weights are followed by scales:
one a channel for the weights (levels / largest absolute value) and one for the input (127 / largest
absolute value seen with the calibrating pictures). With Winograd convolutions the sums of
transformed weights need room: F(4,3) takes weights of 6 bits.
"""

import argparse
import os
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from handler import engines
from handler.engines.ncnn import BIN, PARAM, Ncnn
from handler.preset import IMAGENET
from handler.resizing import Pixels
from scripts import ROOT
from scripts.packaging.calibration import from_folder

LAYERS = ("Convolution", "InnerProduct")
VARIANTS = {  # largest weight, and which of ncnn's convolutions may be used
    "no Winograd": (127, ()),
    "F(2,3)": (127, ("use_winograd23_convolution",)),
    "F(4,3), 6-bit weights": (31, ("use_winograd43_convolution",)),
}
ROUNDS = 5


class Quantised(Ncnn):
    def __init__(self, directory: Path, threads: int, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(directory, threads)

    def _configure(self, options: Any) -> None:
        super()._configure(options)
        options.use_winograd_convolution = bool(self.allowed)
        for name in ("use_winograd23_convolution", "use_winograd43_convolution"):
            setattr(options, name, name in self.allowed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder to calibrate with")
    options = parser.parse_args()
    pictures = from_folder(options.pictures, 1000)
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        for name in ("fp32", "int8"):
            with zipfile.ZipFile(ROOT / "model_store" / f"resnet18-{name}.mar") as archive:
                archive.extractall(directory / name)
        reference = engines.load("ncnn", directory / "fp32", threads, IMAGENET)
        candidates: dict[str, engines.Engine] = {
            "ncnn fp32": reference,
            "OpenVINO int8": engines.load("openvino", directory / "int8", threads, IMAGENET),
        }
        largest = input_ranges(directory / "fp32", pictures.calibrating)
        for name, (levels, allowed) in VARIANTS.items():
            target = directory / name
            target.mkdir()
            quantise(directory / "fp32", target, levels, largest)
            candidates[f"ncnn int8, {name}"] = Quantised(target, threads, allowed)
        expected = reference.infer(pictures.judging)[0].argmax(1)
        speeds: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in tqdm(range(ROUNDS), desc="measure", unit="round"):
            for name, engine in candidates.items():
                engine.infer(pictures.judging[:8])
                start = time.perf_counter()
                for first in range(0, 64, 8):
                    engine.infer(pictures.judging[first : first + 8])
                speeds[name].append(64 / (time.perf_counter() - start))
        print("| engine | pictures/s in batches of 8 | same best class as float32 |")
        print("| --- | --: | --: |")
        for name, engine in candidates.items():
            same = sum(
                int(engine.infer(picture[None])[0][0].argmax() == best)
                for picture, best in zip(pictures.judging, expected, strict=True)
            )
            low, middle, high = np.percentile(speeds[name], [0, 50, 100])
            print(f"| {name} | {middle:.0f} ({low:.0f}-{high:.0f}) | {same} of {len(expected)} |")
    return 0


def input_ranges(directory: Path, pictures: Pixels) -> dict[str, float]:
    """The largest absolute value of each layer's input, by the layer's name."""
    engine = Ncnn(directory, 1)
    lines = [line.split() for line in (directory / PARAM).read_text().splitlines()[2:]]
    inputs = {fields[1]: fields[4] for fields in lines if fields[0] in LAYERS}
    largest = dict.fromkeys(inputs, 0.0)

    def ranges(picture: np.ndarray) -> dict[str, float]:  # type: ignore[type-arg]
        extractor = engine.extractor(picture)
        return {
            layer: float(np.abs(np.array(extractor.extract(blob)[1])).max())
            for layer, blob in inputs.items()
        }

    with ThreadPoolExecutor(2) as pool:
        for seen in tqdm(pool.map(ranges, pictures), total=len(pictures), desc="calibrate"):
            largest = {layer: max(value, seen[layer]) for layer, value in largest.items()}
    return largest


def quantise(source: Path, target: Path, levels: int, largest: dict[str, float]) -> None:
    """Write ncnn's files with the scales it quantises by."""
    data = np.fromfile(source / BIN, np.float32)
    output, place, lines = [], 0, (source / PARAM).read_text().splitlines()
    for number, line in enumerate(lines[2:], 2):
        fields = line.split()
        if fields[0] not in LAYERS:
            continue
        settings = dict(field.split("=") for field in fields if "=" in field)
        channels = int(settings["0"])
        weights = int(settings["6" if fields[0] == "Convolution" else "2"])
        # A flag word (0: float32), the weights, the bias.
        part = data[place : place + 1 + weights + channels]
        place += len(part)
        scale = levels / np.abs(part[1 : 1 + weights].reshape(channels, -1)).max(1)
        output += [part, scale.astype(np.float32), np.float32([127 / largest[fields[1]]])]
        lines[number] = f"{line} 8=2"
    assert place == len(data), "the weights are not laid out as expected"
    np.concatenate(output).tofile(target / BIN)
    (target / PARAM).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
