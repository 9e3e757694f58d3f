from pathlib import Path

import pytest
import scipy.special
import sklearn.preprocessing
import torch

from handler.preset import Preset
from scripts.packaging.reference import (
    WEIGHTS,
    Architecture,
    Reference,
    load_reference,
    resnet,
    torchvision,
)
from tests.service import ROOT


def test_it_is_torchvisions_network_behind_torchvisions_normalisation(checkpoint: Path) -> None:
    reference = load_reference(checkpoint)
    network = torchvision.models.resnet18().eval()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    pictures = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    preset = WEIGHTS.transforms()
    with torch.inference_mode():
        probabilities, feature_maps = reference(pictures)
        scaled = pictures.permute(0, 3, 1, 2) / 255
        normalised = torchvision.transforms.functional.normalize(scaled, preset.mean, preset.std)
        expected = network(normalised).softmax(1)
    assert torch.allclose(probabilities, expected, atol=1e-6)
    assert feature_maps.shape == (2, 512, 7, 7)
    assert reference.classes == 1000
    assert reference.classifier.shape == (1000, 512)


@pytest.mark.parametrize(
    ("architecture", "channels"), [("resnet18", 512), ("resnet34", 512), ("resnet50", 2048)]
)
def test_features_of_length_one(architecture: Architecture, channels: int) -> None:
    torch.manual_seed(0)
    state = resnet(architecture, 3).state_dict()
    preset = Preset(96, 64, "bicubic", (0.5, 0.4, 0.3), (0.1, 0.2, 0.3))
    pictures = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        for normalises in (False, True):
            reference = Reference(state, architecture, preset, normalises)
            probabilities, feature_maps = reference(pictures)
            assert feature_maps.shape == (2, channels, 2, 2)
            features = feature_maps.mean((2, 3)).numpy()
            if normalises:
                features = sklearn.preprocessing.normalize(features)
            logits = features @ reference.classifier.T + state["fc.bias"].numpy()
            assert probabilities.numpy() == pytest.approx(
                scipy.special.softmax(logits, 1), abs=1e-6
            )
        normalise = torchvision.transforms.Normalize(preset.mean, preset.std)
        expected = reference.network(normalise(pictures.permute(0, 3, 1, 2) / 255))[0]
    assert torch.allclose(probabilities, expected, atol=1e-6)


def test_another_file() -> None:
    with pytest.raises(ValueError, match=r"README\.md is no file of weights"):
        load_reference(ROOT / "README.md")


def test_another_network(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth is another network"):
        load_reference(tmp_path / "other.pth")
