"""A ResNet's tensors under torchvision's names, whatever prefix or library has named them."""

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Architecture = Literal["resnet18", "resnet34", "resnet50"]
Depths = tuple[int, ...]

# By the blocks of the four layers, and whether these are bottlenecks.
ARCHITECTURES: dict[tuple[Depths, bool], Architecture] = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
}
OTHERS: dict[tuple[Depths, bool], str] = {
    ((2, 2, 2, 2), True): "ResNet-26",
    ((3, 4, 23, 3), True): "ResNet-101",
    ((3, 8, 36, 3), True): "ResNet-152",
}
CONVOLUTION = {"convolution": "conv", "normalization": "bn"}
SHORTCUT = {"convolution": "0", "normalization": "1"}

# What is no part of a network, although it lies there: counters, losses, metrics.
ASIDE = re.compile(
    r"(.*\.)?(n_averaged|total_ops|total_params)"
    r"|(criterion|loss\w*|\w+_loss|\w*(metric|acc|accuracy|auroc|f1)\w*)\..+",
    re.IGNORECASE,
)


class Dialect(NamedTuple):
    """How a library names the layers below the classifier."""

    known_by: str  # a name that each of its ResNets has, after some prefix
    translated: Callable[[str], str | None]  # torchvision's name; None for what is elsewhere


def _torchvisions(name: str) -> str | None:
    """timm's, too."""
    return name if re.match(r"(conv1|bn1|layer[1-4]\.\d+)\.", name) else None


def _childrens(name: str) -> str | None:
    """Of nn.Sequential(*list(resnet.children())[:-1]), which knows numbers alone."""
    number, _, rest = name.partition(".")
    first = {"0": "conv1", "1": "bn1", **{str(i + 3): f"layer{i}" for i in range(1, 5)}}.get(number)
    return first and f"{first}.{rest}"


def _hugging_faces(name: str) -> str | None:
    if found := re.fullmatch(r"embedder\.embedder\.(convolution|normalization)\.(\w+)", name):
        return f"{CONVOLUTION[found[1]]}1.{found[2]}"
    found = re.fullmatch(
        r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(?:shortcut|layer\.(\d+))"
        r"\.(convolution|normalization)\.(\w+)",
        name,
    )
    if not found:
        return None
    stage, block, layer, kind, what = found.groups()
    inside = f"{CONVOLUTION[kind]}{int(layer) + 1}" if layer else f"downsample.{SHORTCUT[kind]}"
    return f"layer{int(stage) + 1}.{block}.{inside}.{what}"


DIALECTS = (
    Dialect("layer1.0.conv1.weight", _torchvisions),
    Dialect("4.0.conv1.weight", _childrens),
    Dialect("encoder.stages.0.layers.0.layer.0.convolution.weight", _hugging_faces),
)


def _prefixes(state: Mapping[str, Tensor], dialect: Dialect) -> list[str]:
    return [
        name.removesuffix(dialect.known_by)
        for name in state
        if f".{name}".endswith(f".{dialect.known_by}")
    ]


def is_resnet(state: Mapping[str, Tensor]) -> bool:
    return any(_prefixes(state, dialect) for dialect in DIALECTS)


def torchvisions(
    state: Mapping[str, Tensor], notes: list[str]
) -> tuple[Architecture, dict[str, Tensor]]:
    """Every tensor by torchvision's name, in float32; those that it has no name for keep theirs.

    notes: gets a sentence where something is left out. ValueError, whose words follow the file's
    name, where it is no ResNet-18, -34 or -50 with one linear layer at its end.
    """
    dialect, prefix = _dialect(state)
    body, rest = dict[str, Tensor](), dict[str, Tensor]()
    for name, tensor in state.items():
        known = dialect.translated(name.removeprefix(prefix)) if name.startswith(prefix) else None
        (body if known else rest)[known or name] = tensor
    architecture = _architecture(body)
    aside = [name for name in rest if ASIDE.fullmatch(name)]
    if aside:
        notes.append(f"left out, as no part of the network: {', '.join(aside[:5])}")
    head = _head({name: rest[name] for name in rest if name not in aside})
    return architecture, {name: _float32(name, tensor) for name, tensor in (body | head).items()}


def _dialect(state: Mapping[str, Tensor]) -> tuple[Dialect, str]:
    found = [(dialect, prefix) for dialect in DIALECTS for prefix in _prefixes(state, dialect)]
    if len(found) > 1:
        names = ", ".join(repr(prefix) for _, prefix in found)
        raise ValueError(
            f"has {len(found)} networks, whose layers' names begin with {names}: save the state "
            "dict of one alone"
        )
    return found[0]


def _architecture(body: Mapping[str, Tensor]) -> Architecture:
    blocks = {tuple(name.split(".")[:2]) for name in body if name.startswith("layer")}
    depths = tuple(sum(layer == f"layer{i}" for layer, _ in blocks) for i in range(1, 5))
    kind = depths, "layer1.0.conv3.weight" in body
    if kind in ARCHITECTURES:
        return ARCHITECTURES[kind]
    name = OTHERS.get(kind) or "ResNet with {}, {}, {} and {} blocks".format(*depths)
    raise ValueError(f"has the layers of a {name}; ResNet-18, -34 and -50 can be packed")


def _head(rest: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The classifier as `fc`, whatever it was called; what is not its own keeps its name."""
    linear = [name for name, tensor in rest.items() if tensor.ndim == 2]
    layers = [name.removesuffix(".weight") for name in linear]
    if not linear:
        raise ValueError("has no classifier: there is no linear layer after the last feature maps")
    if len(linear) > 1:
        raise ValueError(
            f"has {len(linear)} linear layers after its feature maps, {', '.join(layers)}: with "
            "one alone it can be packed"
        )
    weight, bias = linear[0], f"{layers[0]}.bias"
    others = {name: tensor for name, tensor in rest.items() if name not in (weight, bias)}
    classes = len(rest[weight])
    return {"fc.weight": rest[weight], "fc.bias": rest.get(bias, torch.zeros(classes)), **others}


def _float32(name: str, tensor: Tensor) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return tensor
    if tensor.is_meta or tensor.layout != torch.strided or not tensor.is_floating_point():
        raise ValueError(f"has {name} in a form that is not floating point ({tensor.dtype})")
    plain = tensor.detach().float()
    if not plain.isfinite().all():
        raise ValueError(f"has values in {name} that are no numbers (NaN or infinite)")
    return plain


def layers_seen(state: Mapping[str, Tensor]) -> str:
    """A few words about a network that is none of ours."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in state))
    shown = layers if len(layers) < 5 else [*layers[:3], "…", layers[-1]]
    return (
        f"its layers are {', '.join(shown)} ({len(state)} tensors); ResNet-18, -34 and -50 can be "
        "packed"
    )
