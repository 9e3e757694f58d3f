"""Other libraries' names for the same layers."""

import re

import pytest
import torch
from torch import Tensor

from scripts.packaging.layer_names import Architecture, torchvisions
from scripts.packaging.reference import resnet


def hugging_faces(name: str) -> str:
    """transformers' name for torchvision's layer, as its ResNetForImageClassification has it."""
    for ours, theirs in [
        (r"^fc\.", "classifier.1."),
        (r"^conv1\.", "resnet.embedder.embedder.convolution."),
        (r"^bn1\.", "resnet.embedder.embedder.normalization."),
        (r"\.downsample\.0\.", ".shortcut.convolution."),
        (r"\.downsample\.1\.", ".shortcut.normalization."),
    ]:
        name = re.sub(ours, theirs, name)
    block = re.fullmatch(r"layer(\d)\.(\d+)\.(.+)", name)
    if not block:
        return name
    stage, number, rest = block.groups()
    if layer := re.fullmatch(r"(conv|bn)(\d)\.(\w+)", rest):
        kind = {"conv": "convolution", "bn": "normalization"}[layer[1]]
        rest = f"layer.{int(layer[2]) - 1}.{kind}.{layer[3]}"
    return f"resnet.encoder.stages.{int(stage) - 1}.layers.{number}.{rest}"


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
@pytest.mark.parametrize("architecture", ["resnet18", "resnet34", "resnet50"])
def test_hugging_faces(architecture: Architecture, prefix: str) -> None:
    state: dict[str, Tensor] = resnet(architecture, 3).state_dict()
    renamed = {prefix + hugging_faces(name): tensor for name, tensor in state.items()}
    assert f"{prefix}resnet.encoder.stages.0.layers.0.layer.0.convolution.weight" in renamed
    found, translated = torchvisions(renamed, [])
    assert found == architecture
    assert translated.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(translated[name], tensor), name


def test_a_classifier_without_a_bias() -> None:
    state: dict[str, Tensor] = resnet("resnet18", 3).state_dict()
    del state["fc.bias"]
    _, found = torchvisions(state, [])
    assert found["fc.bias"].tolist() == [0, 0, 0]
