"""What torch.save wrote, read by torch's own unpickler of weights, which calls nothing but its own.

Metadata of a training often has objects of a few types beside the tensors. Their names lead to
stand-ins that do nothing, so that neither their code nor anybody's runs. All other names are
refused.
"""

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

SAVED = "as torch.save(model.state_dict(), 'weights.pth') writes it"

# What a name leads to, and the name.
StandIn = Callable[..., Any] | tuple[Callable[..., Any], str]


class Inert:
    """In the place of an object or a function, whose arguments and state it takes and forgets."""

    def __init__(self, *_: object) -> None: ...
    def __setstate__(self, state: object) -> None: ...


class Dictionary:
    """In the place of dict's subclasses: a dict."""

    def __new__(cls, *_: object) -> Any:
        return {}


class Script:
    """In the place of a TorchScript module: what it holds, by name."""

    state: dict[str, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, value in self.state.items():
            if isinstance(value, Tensor):
                found[prefix + name] = value
            elif isinstance(value, Script):
                found |= value.tensors(f"{prefix}{name}.")
        return found


def _in(modules: str, names: str) -> list[str]:
    return [f"{module}.{name}" for module in modules.split() for name in names.split()]


INERT = [
    "argparse.Namespace",
    "typing.Any",
    *_in("builtins", "bool bytes dict float int list object str tuple"),
    *_in("datetime", "date datetime time timedelta timezone"),
    *_in("pathlib pathlib._local", "Path PosixPath PurePath PurePosixPath"),
    *_in("pathlib pathlib._local", "PureWindowsPath WindowsPath"),
    *_in("numpy", "dtype ndarray"),
    *_in("numpy.core.multiarray numpy._core.multiarray", "scalar _reconstruct"),
    *_in("omegaconf.base", "ContainerMetadata Metadata"),
    *_in("omegaconf.nodes", "AnyNode BooleanNode FloatNode IntegerNode StringNode"),
    *_in("omegaconf", "dictconfig.DictConfig listconfig.ListConfig"),
]
DICTIONARIES = [
    "collections.defaultdict",
    *_in("lightning.fabric lightning_fabric", "utilities.data.AttributeDict"),
    *_in("lightning.pytorch pytorch_lightning", "utilities.parsing.AttributeDict"),
]
STAND_INS: list[StandIn] = [
    *((Inert, name) for name in INERT),
    *((Dictionary, name) for name in DICTIONARIES),
]

# Modules whose functions nobody's weights need, and which do harm in the hands of some.
HARMFUL = {
    *("builtins", "code", "ctypes", "http", "importlib", "io", "marshal", "nt", "os", "pip"),
    *("posix", "pty", "requests", "runpy", "shutil", "socket", "subprocess", "sys", "tempfile"),
    *("types", "urllib", "webbrowser"),
}


def load_pickled(path: Path) -> Any:
    """The object. ValueError where there is more in it than tensors and metadata."""
    return _load(path, path, STAND_INS)


def load_torchscript(path: Path) -> dict[str, Tensor]:
    """A module's tensors by name, from its data alone: its code is not even read."""
    data = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(data, "w") as target:
        for name in source.namelist():
            part = name.partition("/")[2]
            if part in ("data.pkl", "version", "byteorder") or part.startswith("data/"):
                target.writestr(name, source.read(name))
    data.seek(0)
    classes: list[StandIn] = [
        (Script if name.startswith("__torch__.") else Inert, name)
        for name in torch.serialization.get_unsafe_globals_in_checkpoint(data)
        if name.startswith(("__torch__.", "torch.jit._pickle."))
    ]
    data.seek(0)
    content = _load(data, path, classes)
    tensors = content.tensors() if isinstance(content, Script) else {}
    if not tensors:
        raise ValueError(
            f"{path} is a TorchScript model whose weights have no names: it is frozen. Save the "
            f"state dict of the model that it was made from, {SAVED}"
        )
    return tensors


def _load(file: Path | BinaryIO, path: Path, stand_ins: list[StandIn]) -> Any:
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            torch.serialization.safe_globals(stand_ins),
        ):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(_refusal(path, str(error))) from None
    except (RuntimeError, EOFError, OSError, LookupError, TypeError, AttributeError, ValueError):
        raise ValueError(f"{path} is damaged or cut off: copy or save it again") from None


def _refusal(path: Path, reason: str) -> str:
    """reason: torch's, which names what it did not want to load."""
    found = re.search(r"GLOBAL (\S+) w", reason)
    if not found and "operand" in reason:
        return (
            f"{path} is pickled by another protocol than torch.save's own: save it again, {SAVED}"
        )
    if not found:
        return f"{path} has Python objects in place of its tensors: a state dict is needed, {SAVED}"
    name = found[1] if "." in found[1] else f"builtins.{found[1]}"  # torch leaves that out
    if name.partition(".")[0] in HARMFUL:
        return (
            f"{path} would run code: to load it, {name} has to be called. Nothing was run. Weights "
            "need nothing of the kind: don't trust where it comes from"
        )
    return (
        f"{path} has Python objects beside its tensors ({name}): a whole model, or a training's "
        "state. To load it would run code. Where it comes from you, save the state dict alone, "
        f"{SAVED}"
    )
