"""torchvision's ResNets in PyTorch: what an archive is built from and compared with."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handler.preset import IMAGENET, Preset
from scripts.packaging.checkpoint import Checkpoint, check_names, load
from scripts.packaging.layer_names import Architecture


def _import_torchvision() -> tuple[ModuleType, Any]:
    """torchvision, also where its wheel is linked against CUDA and torch is a CPU build.

    Its C++ operators are missing then, and the import fails because it has no schemas for them.
    Declared here, as in torchvision/csrc/ops, they are enough: models, weights and transforms need
    no operator. Returns the module and what keeps the schemas alive.
    """
    library = None
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            library.define(  # type: ignore[no-untyped-call]
                f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        import torchvision
    return torchvision, library


torchvision, _library = _import_torchvision()
WEIGHTS = torchvision.models.ResNet18_Weights.IMAGENET1K_V1


def resnet(architecture: Architecture, classes: int) -> Any:
    """torchvision's, not yet trained."""
    return torchvision.models.get_model(architecture, num_classes=classes)


class Network(nn.Module):
    """Normalised pictures to probabilities and feature maps: what every engine computes."""

    resnet: Any  # torchvision has no types

    def __init__(self, resnet: nn.Module, normalises_features: bool) -> None:
        super().__init__()
        self.resnet = resnet
        self.normalises_features = normalises_features

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, 3, crop, crop] to float32 [N, classes] and float32 [N, C, h, w]."""
        net = self.resnet
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        feature_maps = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        features = torch.flatten(net.avgpool(feature_maps), 1)
        if self.normalises_features:
            features = nn.functional.normalize(features)
        return torch.softmax(net.fc(features), 1), feature_maps


class Reference(nn.Module):
    """The contract of handler/engines in PyTorch float32.

    normalises_features: they are divided by their Euclidean length before the linear layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        state: Mapping[str, Tensor],
        architecture: Architecture = "resnet18",
        preset: Preset = IMAGENET,
        normalises_features: bool = False,
    ) -> None:
        super().__init__()
        self.architecture, self.preset = architecture, preset
        self.classes = len(state["fc.bias"])
        network = resnet(architecture, self.classes)
        network.load_state_dict(state)
        self.network = Network(network, normalises_features)
        self.register_buffer("mean", torch.tensor(preset.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preset.std).view(1, 3, 1, 1))
        self.eval()

    @property
    def classifier(self) -> NDArray[np.float32]:
        """The last layer's weights, float32 [classes, C]: what class activation maps need."""
        weights: NDArray[np.float32] = self.network.resnet.fc.weight.detach().numpy()
        return weights

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, crop, crop, 3] to float32 [N, classes] and float32 [N, C, h, w]."""
        x = (pictures.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        probabilities, feature_maps = self.network(x)
        return probabilities, feature_maps


def load_reference(path: Path, preset: Preset = IMAGENET) -> Reference:
    """The network with the weights in `path`. ValueError where that is no ResNet-18, -34 or -50."""
    return reference_of(path, load(path), preset)


def reference_of(path: Path, checkpoint: Checkpoint, preset: Preset) -> Reference:
    """path: what a ValueError calls it where a layer is missing, unknown or of another size."""
    architecture, state = checkpoint.architecture, checkpoint.state
    with torch.device("meta"):  # names and sizes alone
        expected = resnet(architecture, len(state["fc.weight"])).state_dict()
    check_names(path, architecture, state, expected)
    return Reference(state, architecture, preset)
