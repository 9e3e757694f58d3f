from pathlib import Path

import pytest
import torch

from scripts.packaging.reference import WEIGHTS, load_reference, torchvision
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


def test_another_file() -> None:
    with pytest.raises(ValueError, match=r"README\.md is not a state dict"):
        load_reference(ROOT / "README.md")


def test_another_network(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth is not a state dict"):
        load_reference(tmp_path / "other.pth")
