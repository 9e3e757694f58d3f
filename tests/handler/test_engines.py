"""The engines behind the seam, against PyTorch, alone and in batches, on lesser processors too."""

import os
import platform
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from handler import engines
from handler.decoding import decode
from handler.engines.engine import Floats
from handler.preset import IMAGENET, Preset
from handler.resizing import Pixels, network_input
from scripts.packaging import export_ncnn, export_openvino
from scripts.packaging.agreement import check_fp32, check_int8, measure
from scripts.packaging.calibration import sample_crops
from scripts.packaging.reference import Architecture, Reference, resnet, torchvision
from scripts.serving.processor import here
from tests.service import ROOT


@pytest.mark.slow
def test_ncnn_takes_a_single_class(tmp_path: Path) -> None:
    """tests/handler/test_handler.py has five, of both engines."""
    torch.manual_seed(1)
    reference = Reference(torchvision.models.resnet18(num_classes=1).state_dict())
    export_ncnn.export(reference, tmp_path)
    pictures = sample_crops()[:3]
    with torch.inference_mode():
        expected = [output.numpy() for output in reference(torch.from_numpy(pictures))]
    probabilities, maps = engines.load("ncnn", tmp_path, 2, IMAGENET).infer(pictures)
    assert probabilities == pytest.approx(expected[0], abs=1e-5)
    assert np.abs(maps - expected[1]).max() <= 1e-3 * np.abs(expected[1]).max()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["resnet18", "resnet34", "resnet50"])
def test_other_networks(architecture: Architecture, tmp_path: Path) -> None:
    """Features of length one, and another preset: every engine answers as PyTorch does."""
    torch.manual_seed(1)
    state = resnet(architecture, 4).state_dict()
    state["fc.weight"] *= 50  # for answers that differ: nothing is learnt yet
    preset = Preset(180, 160, "bicubic", (0.5, 0.4, 0.3), (0.1, 0.2, 0.3))
    reference = Reference(state, architecture, preset, normalises_features=True)
    pictures = sample_crops(preset)[:3]
    with torch.inference_mode():
        expected = [output.numpy() for output in reference(torch.from_numpy(pictures))]
    assert np.ptp(expected[0]) > 0.1
    for name, exporter in (("ncnn", export_ncnn), ("openvino", export_openvino)):
        exporter.export(reference, tmp_path)
        probabilities, maps = engines.load(name, tmp_path, 2, preset).infer(pictures)
        assert probabilities == pytest.approx(expected[0], abs=1e-5)
        assert np.abs(maps - expected[1]).max() <= 1e-3 * np.abs(expected[1]).max()


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("fp32")
    zipfile.ZipFile(archive).extractall(directory)
    return directory


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_ncnn_answers_alike_alone_and_in_company(unpacked: Path, threads: int) -> None:
    """Bit for bit, whatever the batch: threads are shared out by its size."""
    engine = engines.load("ncnn", unpacked, threads, IMAGENET)
    pictures = sample_crops()[:4]
    alone = [engine.infer(picture[None])[0][0] for picture in pictures]
    for size in range(1, 5):  # up to one more than there are threads
        assert np.array_equal(engine.infer(pictures[:size])[0], np.stack(alone[:size]))


def test_an_engine_nobody_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asks for the engine 'tarot'"):
        engines.load("tarot", tmp_path, 1, IMAGENET)


def test_ncnn_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't read"):
        engines.load("ncnn", tmp_path, 1, IMAGENET)


INFER = """
import sys
from pathlib import Path
import numpy as np
from handler import engines
from handler.preset import IMAGENET
engine = engines.load(sys.argv[1], Path(sys.argv[2]), 1, IMAGENET)
np.save(sys.argv[4], np.stack([engine.infer(p[None])[0][0].copy() for p in np.load(sys.argv[3])]))
"""


class Elsewhere:
    """An engine with an archive's files, on other processors."""

    def __init__(self, engine: str, archive: Path, scratch: Path) -> None:
        self.engine, self.directory, self.scratch = engine, scratch / engine, scratch
        zipfile.ZipFile(archive).extractall(self.directory)

    def infer(self, pictures: Pixels, *emulator: str, instructions: str = "DEFAULT") -> Floats:
        """Probabilities. instructions: the most that OpenVINO's kernels may use."""
        given, found = self.scratch / "pictures.npy", self.scratch / "probabilities.npy"
        np.save(given, pictures)
        subprocess.run(
            [*emulator, sys.executable, "-c", INFER, self.engine, self.directory, given, found],
            cwd=ROOT,
            env={**os.environ, "ONEDNN_MAX_CPU_ISA": instructions},
            check=True,
        )
        return cast(Floats, np.load(found))


@pytest.fixture
def int8(int8_archive: Path, tmp_path: Path) -> Elsewhere:
    return Elsewhere("openvino", int8_archive, tmp_path)


def read(labelled: list[tuple[Path, int]]) -> tuple[Pixels, list[int]]:
    pictures = [network_input(*decode(path.read_bytes())) for path, _ in labelled]
    return np.stack(pictures), [class_id for _, class_id in labelled]


def expected(reference: Reference, pictures: Pixels) -> Floats:
    with torch.inference_mode():
        return cast(Floats, reference(torch.from_numpy(pictures))[0].numpy())


x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="this is no x86-64")


@pytest.mark.skipif(
    not here().flags & {"avx512_vnni", "avx_vnni"},
    reason="this processor has no VNNI to do without",
)
@pytest.mark.parametrize("instructions", ["AVX2", "AVX512_CORE"])
def test_int8_answers_alike_without_vnni(
    int8: Elsewhere, labelled: list[tuple[Path, int]], instructions: str
) -> None:
    """Without it products are added in 16 bits, which must not overflow."""
    pictures, class_ids = read(labelled)
    usual, lesser = int8.infer(pictures), int8.infer(pictures, instructions=instructions)
    same = int((usual.argmax(1) == lesser.argmax(1)).sum())
    right = [int((each.argmax(1) == class_ids).sum()) for each in (usual, lesser)]
    difference = float(np.abs(usual - lesser).max())
    print(f"{instructions}: same best class {same} of 250, right {right}, at most {difference:.1e}")
    assert same == 250
    assert right[0] == right[1]
    assert difference < 1e-4


@x86_64
def test_int8_is_as_good_without_avx2(int8: Elsewhere, labelled: list[tuple[Path, int]]) -> None:
    """It rounds otherwise, and differs from that with AVX2 by less than both from PyTorch."""
    pictures, class_ids = read(labelled[::10])
    usual, lesser = int8.infer(pictures), int8.infer(pictures, instructions="SSE41")
    assert not np.array_equal(usual, lesser)  # the limit was obeyed
    found = measure(lesser, usual, class_ids)
    assert found["same_best_class"] >= 24
    check_int8(found)


@pytest.mark.long
@x86_64
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-user")
class TestEmulated:
    """Processors that are not here."""

    def test_without_avx(
        self, archive: Path, int8: Elsewhere, reference: Reference, tmp_path: Path
    ) -> None:
        """Nehalem is the first of Intel's that has what numpy and OpenVINO need."""
        emulator, pictures = ("qemu-x86_64", "-cpu", "Nehalem"), sample_crops()[:2]
        fp32 = Elsewhere("ncnn", archive, tmp_path).infer(pictures, *emulator)
        check_fp32(measure(fp32, expected(reference, pictures), None))
        # The limit that is quick enough for the test above stands for such a processor.
        emulated, limited = (
            int8.infer(pictures, *emulator),
            int8.infer(pictures, instructions="SSE41"),
        )
        assert np.array_equal(emulated, limited)

    @pytest.mark.parametrize("library", ["numpy", "openvino", "torch"])
    def test_less_is_refused_for_a_reason(self, library: str) -> None:
        """Where scripts/serving/processor.py lets nothing begin."""
        command = ["qemu-x86_64", "-cpu", "core2duo", sys.executable, "-c", f"import {library}"]
        assert subprocess.run(command, capture_output=True).returncode == -signal.SIGILL
