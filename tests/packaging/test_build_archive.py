"""build_archive.py: what it packs, and what it refuses to pack."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from handler.model_card import Agreement, WeightsFile
from handler.preset import IMAGENET, Preset
from scripts import ROOT, SAMPLES
from scripts.packaging import builder
from scripts.packaging.build_archive import main
from scripts.packaging.builder import Export, Model, build_model, check_labels, check_room
from scripts.packaging.recipe import Recipe
from scripts.packaging.reference import Reference, resnet
from tests.packaging.building import card_of
from tests.packaging.test_published import TIMM


def test_fp32_archive_agrees_with_pytorch(archive: Path) -> None:
    card = card_of(archive)
    assert card["name"] == f"{Recipe.name}-fp32"
    assert card["agreement_with_pytorch_fp32"]["pictures"] >= 20
    assert card["agreement_with_pytorch_fp32"]["max_probability_difference"] < 1e-4


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


def test_a_disk_that_is_too_small(tmp_path: Path) -> None:
    """Told before anything is built; the archive's folder need not exist yet."""
    weights = tmp_path / "huge.pth"
    with weights.open("wb") as file:
        file.truncate(1 << 42)  # takes no space
    with pytest.raises(ValueError, match=r"needs 21990233 MB of disk space in .* TMPDIR"):
        check_room(weights.stat().st_size, tmp_path)
    weights.write_bytes(bytes(100))
    check_room(weights.stat().st_size, tmp_path / "not" / "yet")


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
    options = ["--name", "mine", "--version", "2.0", "--output", str(tmp_path / "x.mar")]
    assert main([*options, "--weights", str(checkpoint)]) == 0
    with zipfile.ZipFile(tmp_path / "x.mar") as archive:
        model = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
    assert (model["modelName"], model["modelVersion"]) == ("mine", "2.0")
    card = card_of(tmp_path / "x.mar")
    assert (card["name"], card["version"]) == ("mine-fp32", "2.0")
    assert card["weights"]["file"] == "untrained.pth"
    assert card["labels"]["classes"] == 1000
    assert card["agreement_with_pytorch_fp32"] == AGREEMENT
    assert Preset.of(card["preprocessing"]) == IMAGENET


def test_a_model_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With files of its own, and more to say of itself."""
    monkeypatch.setattr(builder, "export_and_compare", lambda *_: Export(AGREEMENT))
    preset = Preset(235, 224, "bicubic")
    reference = Reference(resnet("resnet34", 2).state_dict(), "resnet34", preset)
    weights: WeightsFile = {"file": "weights.safetensors", "sha256": "0" * 64}
    about = {"none_of_these": {"threshold": 0.95, "pictures": 50}}
    files = {"samples/0.jpg": b"cat", "novelty.npz": b"features"}
    labels = Path("labels.tsv")
    model = Model("pets", "1.0", reference, weights, b"cat\ndog\n", labels, files, about)
    build_model(model, "int8", tmp_path / "pets.mar")
    card = card_of(tmp_path / "pets.mar")
    assert (card["name"], card["architecture"]) == ("pets-int8", "torchvision.models.resnet34")
    assert (card["weights"], card["none_of_these"]) == (weights, about["none_of_these"])
    assert card["labels"]["sha256"] == hashlib.sha256(b"cat\ndog\n").hexdigest()
    assert Preset.of(card["preprocessing"]) == preset
    with zipfile.ZipFile(tmp_path / "pets.mar") as archive:
        assert archive.read("labels.tsv") == b"cat\ndog\n"
        for name, data in files.items():
            assert archive.read(name) == data
    with pytest.raises(ValueError, match=r"labels\.tsv names 1 classes"):
        Model("pets", "1.0", reference, weights, b"cat\n", labels)


def test_what_was_taught_stays(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "pets.mar"
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("model_card.json", json.dumps({"evaluation": {"accuracy": 0.9}}))
    before = output.read_bytes()
    assert main(["--weights", str(checkpoint), "--output", str(output)]) == 1
    assert "pets.mar is a model that was taught, and stays" in capsys.readouterr().err
    assert output.read_bytes() == before


def test_the_weights_own_preprocessing_and_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is given wins over what lies beside them, and that over ImageNet's."""
    monkeypatch.setattr(builder, "export_and_compare", lambda *_: Export(AGREEMENT))
    torch.save(resnet("resnet34", 2).state_dict(), tmp_path / "theirs.pth")
    (tmp_path / "config.json").write_text(json.dumps(TIMM | {"architecture": "resnet34"}))
    options = ["--weights", str(tmp_path / "theirs.pth"), "--output", str(tmp_path / "x.mar")]
    assert main([*options, "--resize", "232", "--mean", "0.5,0.5,0.5"]) == 0
    card = card_of(tmp_path / "x.mar")
    expected = Preset(232, 224, "bicubic", (0.5, 0.5, 0.5))
    assert Preset.of(card["preprocessing"]) == expected
    assert card["labels"]["file"] == "config.json"
    with zipfile.ZipFile(tmp_path / "x.mar") as archive:
        assert archive.read("labels.tsv") == b"cat\ndog\n"
    said = capsys.readouterr().out
    assert "network: resnet34, 2 classes" in said
    assert f"preprocessing: {expected.words()}" in said
    assert "labels: 2 names from" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--weights", "/nothing.pth"), "there is no such file"),
        (("--weights", str(ROOT / "README.md")), "is no file of weights"),
        (("--labels", str(ROOT / "pyproject.toml")), "expected a name"),
        (("--labels", "/nothing.tsv"), "there is no such file"),
        (("--weights", str(ROOT)), "this is a folder: name the file in it"),
        (("--crop", "300"), "a crop of 300 pixels from a shorter side of 256 can't be made"),
        (("--name", "two words"), "a model's name is"),
        (("--name", "one", "--model", "two"), "MODEL=two and NAME=one mean the same"),
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


def test_labels_are_told_apart() -> None:
    path = Path("labels.txt")
    check_labels("crane\t鹤\tn02012849\ncrane\t起重机\tn03126707\n".encode(), path, 2)
    with pytest.raises(ValueError, match="names 'cat' twice, in lines 1 and 3"):
        check_labels(b"cat\ndog\ncat\n", path, 3)


def test_labels_of_another_number() -> None:
    labels = Path("labels.txt")
    check_labels(b"cat\ndog\n", labels, 2)
    with pytest.raises(ValueError, match="names 2 classes, but the weights' classifier has 3"):
        check_labels(b"cat\ndog\n", labels, 3)
