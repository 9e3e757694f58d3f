"""build_archive.py: what it packs, and what it refuses to pack."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handler.model_card import Agreement
from scripts import ROOT, SAMPLES
from scripts.packaging import builder
from scripts.packaging.build_archive import main
from scripts.packaging.builder import Export, check_labels
from scripts.packaging.recipe import Recipe
from scripts.packaging.reference import torchvision
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from tests.service import SHARED, Service


def weights_options() -> list[str]:
    """The weights of the archives that `make test` builds; none: torchvision's."""
    weights = sorted((ROOT.parent / "shared" / "weights").glob("*.pth"))
    return ["--weights", str(weights[0])] if weights else []


def built(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as users build it."""
    command = [sys.executable, "-m", "scripts.build_archive", "--output", str(output), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def card_of(archive: Path) -> Any:
    return json.loads(zipfile.ZipFile(archive).read("model_card.json"))


@pytest.mark.slow
def test_fp32_archive_is_reproducible(archive: Path, tmp_path: Path) -> None:
    done = built(tmp_path / "x.mar", *weights_options())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.mar").read_bytes() == archive.read_bytes()


def test_fp32_archive_agrees_with_pytorch(archive: Path) -> None:
    card = card_of(archive)
    assert card["name"] == f"{Recipe.model}-fp32"
    assert card["agreement_with_pytorch_fp32"]["pictures"] >= 20
    assert card["agreement_with_pytorch_fp32"]["max_probability_difference"] < 1e-4


@pytest.mark.slow
@pytest.mark.long
def test_int8_archive_is_reproducible(int8_archive: Path, tmp_path: Path) -> None:
    """With what make builds it with: the pictures beside the checkout, where they are there."""
    pictures = SHARED / "images"
    folder = ["--calibration", str(pictures)] if pictures.is_dir() else []
    done = built(tmp_path / "x.mar", "--precision", "int8", *folder, *weights_options())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.mar").read_bytes() == int8_archive.read_bytes()
    assert card_of(int8_archive)["calibration"]["overflow_fix"] == "enable"


@pytest.mark.slow
@pytest.mark.long
def test_int8_from_the_samples(tmp_path: Path) -> None:
    """Without a folder of pictures the project's own are what it is calibrated with."""
    done = built(tmp_path / "x.mar", "--precision", "int8", *weights_options())
    assert done.returncode == 0, done.stderr
    assert "calibration: 150 pictures, windows of the project's own" in done.stdout
    card = card_of(tmp_path / "x.mar")
    assert card["agreement_with_pytorch_fp32"]["same_best_class"] >= 0.9 * 96


@pytest.mark.slow
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
    done = built(tmp_path / "x.mar", *options)
    assert done.returncode == 1
    assert "fewer than 90% of the pictures; nothing was packed" in done.stderr
    assert not (tmp_path / "x.mar").exists()


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


@pytest.mark.started
@pytest.mark.slow
def test_weights_of_ones_own(tmp_path: Path) -> None:
    """A network with two classes and its own labels goes through the same door."""
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), tmp_path / "mine.pth")
    (tmp_path / "mine.txt").write_text("ja\nnein\n")
    archive = tmp_path / "resnet18-mine.mar"
    options = ["--weights", str(tmp_path / "mine.pth"), "--labels", str(tmp_path / "mine.txt")]
    assert built(archive, *options).returncode == 0
    service = Service(RunDirectory(tmp_path / "run"), archive, free_port())
    try:
        assert service.start().returncode == 0
        items = service.predict((SAMPLES / "cat.jpg").read_bytes()).json()
    finally:
        service.stop()
    assert sorted(item["class"] for item in items) == ["ja", "nein"]
    assert {item["class_zh"] for item in items} == {None}


AGREEMENT: Agreement = {
    "pictures": 24,
    "max_probability_difference": 1e-6,
    "same_best_class": 24,
}


def test_the_models_name_and_version(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the manifest and in the card; what is exported does not matter here."""
    monkeypatch.setattr(builder, "export_and_compare", lambda *_: Export(AGREEMENT))
    options = ["--model", "mine", "--version", "2.0", "--output", str(tmp_path / "x.mar")]
    assert main([*options, "--weights", str(checkpoint)]) == 0
    with zipfile.ZipFile(tmp_path / "x.mar") as archive:
        model = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
    assert (model["modelName"], model["modelVersion"]) == ("mine", "2.0")
    card = card_of(tmp_path / "x.mar")
    assert (card["name"], card["version"]) == ("mine-fp32", "2.0")
    assert card["weights"]["file"] == "untrained.pth"
    assert card["labels"]["classes"] == 1000
    assert card["agreement_with_pytorch_fp32"] == AGREEMENT


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--weights", "/nothing.pth"), "there is no such file"),
        (("--weights", str(ROOT / "README.md")), "not a state dict"),
        (("--labels", str(ROOT / "requirements.txt")), "expected a name"),
        (("--labels", "/nothing.tsv"), "there is no such file"),
        (("--model", "two words"), "a model's name is"),
        (("--precision", "int8", "--calibration", "/nothing"), "there is no such folder"),
        (("--precision", "int8", "--calibration", str(SAMPLES)), "6 readable pictures"),
    ],
)
def test_it_refuses_in_one_sentence(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    sentence: str,
) -> None:
    output = tmp_path / "x.mar"
    assert main(["--weights", str(checkpoint), "--output", str(output), *options]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if "build_archive: " in line]
    assert sentence in line
    assert not output.exists()


def test_labels_of_another_number(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    check_labels(tmp_path / "labels.txt", 2)
    with pytest.raises(ValueError, match="names 2 classes, but the weights' classifier has 3"):
        check_labels(tmp_path / "labels.txt", 3)
