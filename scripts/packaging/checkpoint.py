"""The weights in a file, or a sentence that says what the file has instead."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LFS = b"version https://git-lfs"
# How files of torch.save begin.
ZIP, OLD_FORMAT = b"PK", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
LAYER = "layer1.0.conv1.weight"  # a name that every ResNet of torchvision's has
SAVED = "as torch.save(model.state_dict(), 'weights.pth') writes it"


def load_state(path: Path) -> dict[str, Tensor]:
    """A state dict. ValueError where that is something else."""
    _check_format(path)
    try:
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} has Python objects beside its tensors: a whole model, or a training's state. "
            "To load it would run code. Where it comes from you, save the state dict alone, "
            f"{SAVED}"
        ) from None
    except (RuntimeError, EOFError, OSError, KeyError, ValueError):
        raise ValueError(f"{path} is damaged or cut off: copy or save it again") from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} has a {type(content).__name__}, not a state dict, {SAVED}")
    if not _is_state(content):
        raise ValueError(f"{path} is not a state dict, {SAVED}{_nested(path, content)}")
    return dict(content)


def check_names(path: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """ValueError where the layers' names or sizes are not the expected ones of a ResNet-18."""
    reason = _other_names(state) or _other_network(state) or _other_head(state)
    counted = "num_batches_tracked"  # by later versions of torch, which do without in older files
    missing = [name for name in expected if name not in state and not name.endswith(counted)]
    unknown = [name for name in state if name not in expected]
    sizes = [name for name in expected if name in state and _differs(name, state, expected)]
    for what, names in [("lacks", missing), ("also has", unknown), ("has other sizes in", sizes)]:
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            reason = reason or f"it {what} {names[0]}{more}"
    if reason:
        raise ValueError(f"{path} is not a state dict of torchvision's resnet18: {reason}")


def _check_format(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise ValueError(f"{path} is empty")
    if head.startswith(LFS):
        raise ValueError(f"{path} only points to a file in Git LFS. Fetch it: git lfs pull")
    if not head.startswith((ZIP, OLD_FORMAT)):
        raise ValueError(f"{path} is not a state dict, nor any file that torch.save wrote")
    if head.startswith(ZIP):
        if not zipfile.is_zipfile(path):
            raise ValueError(f"{path} is damaged or cut off: copy or save it again")
        with zipfile.ZipFile(path) as parts:
            if any(name.endswith("/constants.pkl") for name in parts.namelist()):
                raise ValueError(f"{path} is a TorchScript model, not a state dict, {SAVED}")


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) for name in content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _nested(path: Path, content: Mapping[Any, Any]) -> str:
    for name, value in content.items():
        if _is_state(value):
            return (
                f". It has one as {name!r}; take it out: torch.save(torch.load({path.name!r}, "
                f"weights_only=True)[{name!r}], 'weights.pth')"
            )
    return ""


def _other_names(state: Mapping[str, Tensor]) -> str | None:
    for name in state:
        if name.endswith(f".{LAYER}"):
            prefix = name.removesuffix(LAYER)
            return (
                f"its names begin with {prefix!r}. Save it without: "
                f"{{name.removeprefix({prefix!r}): value for name, value in state.items()}}"
            )
    return None


def _other_network(state: Mapping[str, Tensor]) -> str | None:
    if "layer1.0.conv3.weight" in state:
        return "it has the layers of a ResNet-50 or a deeper one"
    return "it has the layers of a ResNet-34" if "layer1.2.conv1.weight" in state else None


def _other_head(state: Mapping[str, Tensor]) -> str | None:
    linear = [name for name, value in state.items() if name.startswith("fc.") and value.ndim == 2]
    if linear and "fc.weight" not in state:
        layers = ", ".join(name.removesuffix(".weight") for name in linear)
        return (
            f"its classifier is a Sequential with {layers}. A single linear layer is needed; if "
            "this has one, after a dropout, name it fc.weight and fc.bias"
        )
    return None


def _differs(name: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    return state[name].shape != expected[name].shape
