"""torchvision's ResNet-18 in PyTorch: what an archive is built from and compared with."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.packaging.checkpoint import check_names, load_state


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


def resnet18(classes: int) -> Any:
    """Not yet trained."""
    return torchvision.models.resnet18(num_classes=classes)


class Network(nn.Module):
    """Normalised pictures to probabilities and feature maps: what every engine computes."""

    resnet: Any  # torchvision has no types

    def __init__(self, resnet: nn.Module) -> None:
        super().__init__()
        self.resnet = resnet

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, 3, 224, 224] to float32 [N, classes] and float32 [N, 512, 7, 7]."""
        net = self.resnet
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        feature_maps = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        logits = net.fc(torch.flatten(net.avgpool(feature_maps), 1))
        return torch.softmax(logits, 1), feature_maps


class Reference(nn.Module):
    """The contract of handler/engines in PyTorch float32."""

    mean: Tensor
    std: Tensor

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.classes = len(state["fc.bias"])
        resnet = resnet18(self.classes)
        resnet.load_state_dict(state)
        self.network = Network(resnet)
        preset = WEIGHTS.transforms()
        self.register_buffer("mean", torch.tensor(preset.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preset.std).view(1, 3, 1, 1))
        self.eval()

    @property
    def classifier(self) -> NDArray[np.float32]:
        """The last layer's weights, float32 [classes, 512]: what class activation maps need."""
        weights: NDArray[np.float32] = self.network.resnet.fc.weight.detach().numpy()
        return weights

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, 224, 224, 3] to float32 [N, classes] and float32 [N, 512, 7, 7]."""
        x = (pictures.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        probabilities, feature_maps = self.network(x)
        return probabilities, feature_maps


def load_reference(path: Path) -> Reference:
    """The network with the weights in `path`. ValueError where that is no ResNet-18."""
    state = load_state(path)
    head = state.get("fc.weight")
    classes = len(head) if head is not None and head.ndim else 1000
    check_names(path, state, resnet18(classes).state_dict())
    return Reference(state)
