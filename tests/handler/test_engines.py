"""The engines behind the seam, against PyTorch, alone and in batches, on lesser processors too."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from handler import engines
from handler.decoding import decode
from handler.engines.ncnn import MEAN, STD
from handler.resizing import network_input
from scripts.packaging import export_ncnn
from scripts.packaging.calibration import sample_crops
from scripts.packaging.reference import WEIGHTS, Reference, torchvision
from tests.service import ROOT


def test_ncnn_normalises_as_torchvision() -> None:
    preset = WEIGHTS.transforms()
    assert (list(preset.mean), list(preset.std)) == (list(MEAN), list(STD))


@pytest.mark.slow
def test_ncnn_takes_a_single_class(tmp_path: Path) -> None:
    """tests/handler/test_handler.py has five, of both engines."""
    torch.manual_seed(1)
    reference = Reference(torchvision.models.resnet18(num_classes=1).state_dict())
    export_ncnn.export(reference, tmp_path)
    pictures = sample_crops()[:3]
    with torch.inference_mode():
        expected = [output.numpy() for output in reference(torch.from_numpy(pictures))]
    probabilities, maps = engines.load("ncnn", tmp_path, 2).infer(pictures)
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
    engine = engines.load("ncnn", unpacked, threads)
    pictures = sample_crops()[:4]
    alone = [engine.infer(picture[None])[0][0] for picture in pictures]
    for size in range(1, 5):  # up to one more than there are threads
        assert np.array_equal(engine.infer(pictures[:size])[0], np.stack(alone[:size]))


def test_an_engine_nobody_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asks for the engine 'tarot'"):
        engines.load("tarot", tmp_path, 1)


def test_ncnn_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't read"):
        engines.load("ncnn", tmp_path, 1)


INFER = """
import sys
from pathlib import Path
import numpy as np
from handler import engines
engine = engines.load("openvino", Path(sys.argv[1]), 2)
np.save(sys.argv[3], np.stack([engine.infer(p[None])[0][0].copy() for p in np.load(sys.argv[2])]))
"""


def flags() -> set[str]:
    text = Path("/proc/cpuinfo").read_text()
    return set(next(line for line in text.splitlines() if line.startswith("flags")).split())


@pytest.mark.skipif(
    not flags() & {"avx512_vnni", "avx_vnni"}, reason="this processor has no VNNI to do without"
)
@pytest.mark.parametrize("instructions", ["AVX2", "AVX512_CORE"])
def test_int8_answers_alike_without_vnni(
    int8_archive: Path, labelled: list[tuple[Path, int]], instructions: str, tmp_path: Path
) -> None:
    """Without it products are added in 16 bits, which must not overflow."""
    zipfile.ZipFile(int8_archive).extractall(tmp_path / "model")
    pictures = np.stack([network_input(*decode(path.read_bytes())) for path, _ in labelled])
    np.save(tmp_path / "pictures.npy", pictures)
    probabilities = {}
    for limit in ("DEFAULT", instructions):
        output = tmp_path / f"{limit}.npy"
        arguments = [str(tmp_path / "model"), str(tmp_path / "pictures.npy"), str(output)]
        subprocess.run(
            [sys.executable, "-c", INFER, *arguments],
            cwd=ROOT,
            env={**os.environ, "ONEDNN_MAX_CPU_ISA": limit},
            check=True,
        )
        probabilities[limit] = np.load(output)
    usual, lesser = probabilities.values()
    class_ids = np.array([class_id for _, class_id in labelled])
    same = int((usual.argmax(1) == lesser.argmax(1)).sum())
    right = [int((each.argmax(1) == class_ids).sum()) for each in (usual, lesser)]
    difference = float(np.abs(usual - lesser).max())
    print(f"{instructions}: same best class {same} of 250, right {right}, at most {difference:.1e}")
    assert same == 250
    assert right[0] == right[1]
    assert difference < 1e-4
