"""ncnn on CPU: Winograd convolutions take a quarter less time than direct ones."""

from pathlib import Path
from typing import Any

import ncnn
import numpy as np

from handler.engines.engine import Floats
from handler.preset import Preset
from handler.resizing import Pixels
from handler.team import Team

PARAM = "network.ncnn.param"
BIN = "network.ncnn.bin"
# The graph's blobs, as pnnx names them: input, then the outputs in their order.
PICTURE, PROBABILITIES, FEATURE_MAPS = "in0", "out0", "out1"


class Ncnn:
    """One picture at a time: a single one on all threads, those of a batch on one thread each."""

    def __init__(self, directory: Path, threads: int, preset: Preset) -> None:
        # Of values from 0 to 255.
        self._means = [mean * 255 for mean in preset.mean]
        self._factors = [1 / (std * 255) for std in preset.std]
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._configure(self._net.opt)
        if self._net.load_param(str(directory / PARAM)) or self._net.load_model(
            str(directory / BIN)
        ):
            raise ValueError(f"ncnn can't read {PARAM} and {BIN} in {directory}")
        self._threads = threads
        self._team = Team(threads, "ncnn", _single_threaded)

    def _configure(self, options: Any) -> None:
        # Left to itself ncnn computes in 16 bits where the processor can.
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_packed = options.use_bf16_storage = False
        # F(6,3) needs 64 transformed weights for 9; F(4,3), with 36, is as fast here.
        options.use_winograd63_convolution = False

    def infer(self, pictures: Pixels) -> tuple[Floats, Floats]:
        count = len(pictures)
        # One left over when all threads have had the same number gets all of them.
        parallel = count - (count % self._threads == 1)
        results = self._team.map(self._infer_one, list(pictures[:parallel]))
        results += map(self._infer_one, pictures[parallel:])
        probabilities, feature_maps = zip(*results, strict=True)
        return np.stack(probabilities), np.stack(feature_maps)

    def extractor(self, picture: Pixels) -> Any:
        """ncnn's extractor of any blob of the graph, by name, for uint8 [crop, crop, 3]."""
        height, width, _ = picture.shape
        mat = ncnn.Mat.from_pixels(picture, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
        mat.substract_mean_normalize(self._means, self._factors)
        extractor = self._net.create_extractor()
        extractor.input(PICTURE, mat)
        return extractor

    def _infer_one(self, picture: Pixels) -> tuple[Floats, Floats]:
        extractor = self.extractor(picture)
        _, feature_maps = extractor.extract(FEATURE_MAPS)
        _, probabilities = extractor.extract(PROBABILITIES)
        # Copied: the memory is the extractor's.
        return np.array(probabilities), np.array(feature_maps)


def _single_threaded() -> None:
    """In a thread of the pool: OpenMP regions get one thread, although the net was loaded for more.

    OpenMP's dyn-var lets the runtime give fewer threads than asked for, at most nthreads-var; both
    belong to the calling thread. A second net for one thread would cost 180 MB more.
    """
    ncnn.set_omp_dynamic(1)
    ncnn.set_omp_num_threads(1)
