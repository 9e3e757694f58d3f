from pathlib import Path

import pytest
import torch

from scripts.packaging.reference import resnet, torchvision
from tests.packaging.states import State


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of a ResNet-18 that has learnt nothing, with 1,000 classes."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "untrained.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def state() -> State:
    """Of a ResNet-18 that has learnt nothing, with three classes."""
    torch.manual_seed(0)
    made: State = resnet("resnet18", 3).state_dict()
    return made
