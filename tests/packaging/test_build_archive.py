"""build_archive.py: what it packs, and what it refuses to pack."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scripts import ROOT
from scripts.packaging.build_archive import Disagreement, check_fp32, check_int8
from scripts.serving.run_directory import RunDirectory
from tests.conftest import SAMPLES, Service, free_port


def weights_options() -> list[str]:
    """The weights of the archives that `make test` builds; none: torchvision's."""
    weights = sorted((ROOT.parent / "shared" / "weights").glob("*.pth"))
    return ["--weights", str(weights[0])] if weights else []


def build(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/build_archive.py", "--output", str(tmp_path / "x.mar")]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)


def card_of(archive: Path) -> Any:
    return json.loads(zipfile.ZipFile(archive).read("model_card.json"))


def test_fp32_archive_is_reproducible(archive: Path, tmp_path: Path) -> None:
    done = build(tmp_path, *weights_options())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.mar").read_bytes() == archive.read_bytes()
    agreement = card_of(archive)["agreement_with_pytorch_fp32"]
    assert agreement["pictures"] >= 20
    assert agreement["max_probability_difference"] < 1e-4


def test_int8_archive_is_reproducible_from_the_samples(tmp_path: Path) -> None:
    """Without a folder of pictures the project's own are what it is calibrated with."""
    archives = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        done = build(tmp_path / name, "--precision", "int8", *weights_options())
        assert done.returncode == 0, done.stderr
        assert "calibration: 150 pictures, windows of the project's own" in done.stdout
        archives.append((tmp_path / name / "x.mar").read_bytes())
    assert archives[0] == archives[1]
    card = card_of(tmp_path / "a" / "x.mar")
    assert card["calibration"]["overflow_fix"] == "enable"
    assert card["agreement_with_pytorch_fp32"]["same_best_class"] >= 0.9 * 96


def test_int8_that_disagrees_is_not_packed(tmp_path: Path) -> None:
    """Calibrated with black pictures, it knows nothing of the photographs that judge it."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    samples = [Image.open(path) for path in sorted(SAMPLES.glob("*.jpg"))]
    for i in range(20):
        Image.new("RGB", (256, 256)).save(pictures / f"{i:02}-black.png")
        sample = samples[i % len(samples)]
        left, top = (int(rng.integers(0, side - 200)) for side in sample.size)
        sample.crop((left, top, left + 200, top + 200)).save(pictures / f"{i:02}-photograph.png")
    options = ["--precision", "int8", "--calibration", str(pictures), *weights_options()]
    done = build(tmp_path, *options)
    assert done.returncode == 1
    assert "below the limit of 90%; nothing was packed" in done.stderr
    assert not (tmp_path / "x.mar").exists()


@pytest.mark.parametrize(
    ("agreement", "accepted"),
    [
        ({"same_best_class": 90}, True),
        ({"same_best_class": 89}, False),
        ({"same_best_class": 95, "top1": 78, "top1_of_pytorch": 80}, True),
        ({"same_best_class": 95, "top1": 77, "top1_of_pytorch": 80}, False),
    ],
)
def test_limits_of_int8(agreement: dict[str, int], accepted: bool) -> None:
    if accepted:
        check_int8({"pictures": 100, **agreement})
    else:
        with pytest.raises(Disagreement, match="CALIBRATION=folder"):
            check_int8({"pictures": 100, **agreement})


@pytest.mark.parametrize("difference", [1e-4, float("nan")])
def test_limit_of_fp32(difference: float) -> None:
    check_fp32({"max_probability_difference": 9e-5})
    with pytest.raises(Disagreement):
        check_fp32({"max_probability_difference": difference})


def test_archive_needs_nothing_of_the_checkout(archive: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(archive).extractall(tmp_path)
    code = (
        f"import sys; sys.path = ['.', *(p for p in sys.path if p and p != {str(ROOT)!r})]\n"
        "import resnet18_handler, handler.engines.ncnn as engine\n"
        "from handler.request import prepare\n"
        "print(engine.__file__, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "handler/engines/ncnn.py"), "False"]


def test_weights_of_ones_own(tmp_path: Path) -> None:
    """A network with two classes and its own labels goes through the same door."""
    import torch

    from scripts.packaging.reference import torchvision

    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), tmp_path / "mine.pth")
    (tmp_path / "mine.txt").write_text("ja\nnein\n")
    command = [
        *(sys.executable, "scripts/build_archive.py", "--weights", str(tmp_path / "mine.pth")),
        *("--labels", str(tmp_path / "mine.txt"), "--output", str(tmp_path / "resnet18-mine.mar")),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    service = Service(RunDirectory(tmp_path / "run"), tmp_path / "resnet18-mine.mar", free_port())
    try:
        assert service.start().returncode == 0
        items = service.predict((SAMPLES / "cat.jpg").read_bytes()).json()
    finally:
        service.stop()
    assert sorted(item["class"] for item in items) == ["ja", "nein"]
    assert {item["class_zh"] for item in items} == {None}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--weights", "/nothing.pth"), "there is no such file"),
        (("--weights", str(ROOT / "README.md")), "not a state dict"),
        (("--labels", "requirements.txt"), "expected a name"),
        (("--precision", "int8", "--calibration", "/nothing"), "there is no such folder"),
        (
            ("--precision", "int8", "--calibration", "web_client/samples"),
            "6 pictures that can be read",
        ),
    ],
)
def test_build_refuses(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    if "--weights" not in options:
        options = (*options, *weights_options())
    done = build(tmp_path, *options)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.mar").exists()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "resnet18-00000000.pth").write_bytes(b"x")
    done = build(tmp_path, "--weights", str(tmp_path / "resnet18-00000000.pth"))
    assert done.returncode == 1
    assert "damaged or not what it says" in done.stderr
