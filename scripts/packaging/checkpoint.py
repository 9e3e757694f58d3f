"""The weights in a file, or a sentence that says what the file has instead."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from scripts.packaging.layer_names import Architecture, torchvisions
from scripts.packaging.unpickling import SAVED, load_pickled, load_torchscript
from scripts.packaging.wrapping import chosen, class_names

LFS = b"version https://git-lfs"
# How files of torch.save begin.
ZIP, OLD_FORMAT = b"PK", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
DAMAGED = "is damaged or cut off: copy or save it again"
# Parts of zips, and what these are.
OTHER_ZIPS = {
    "MAR-INF/MANIFEST.json": "is a TorchServe archive",
    "archive_format": "is a torch.export file",
    "serialized_exported_program.json": "is a torch.export file",
    ".npy": "has arrays of numpy",
}
# Beginnings of files, and what these are.
OTHER_FILES = {
    b"\x08": "is an ONNX model",  # a protobuf whose first field is a number
    b"\x89HDF": "is an HDF5 file, as Keras writes it",
    b"GGUF": "is a GGUF file",
    b"\x80": "is a pickle of Python objects",
    b"{": "is a JSON file",
    b"<": "is a web page or an XML file, perhaps what a download gave instead",
    b"\x1f\x8b": "is compressed by gzip",
    b"7z\xbc\xaf": "is compressed by 7-Zip",
    b"Rar!": "is compressed by RAR",
}


@dataclass(frozen=True)
class Checkpoint:
    architecture: Architecture
    state: dict[str, Tensor]  # by torchvision's names, in float32
    class_names: list[str] | None  # where the file has them
    notes: list[str] = field(default_factory=list)  # sentences about what was chosen or left out


def load(path: Path) -> Checkpoint:
    """A ResNet's weights, from whatever form. ValueError says what the file has instead."""
    content = read(path)
    notes: list[str] = []
    try:
        network = chosen(content, notes)
        architecture, state = torchvisions(network, notes)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None
    return Checkpoint(architecture, state, class_names(content), notes)


def read(path: Path) -> Any:
    """What a file has, without running any of it. Raises ValueError."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise ValueError(f"{path} is empty")
    if head.startswith(LFS):
        raise ValueError(f"{path} only points to a file in Git LFS. Fetch it: git lfs pull")
    if head.startswith(ZIP):
        return _read_zip(path)
    if head.startswith(OLD_FORMAT):
        return load_pickled(path)
    if head[8:9] == b"{":  # after the header's length
        return _read_safetensors(path)
    found = [words for beginning, words in OTHER_FILES.items() if head.startswith(beginning)]
    what = found[0] if found else "is no file of weights"
    raise ValueError(f"{path} {what}: a state dict is needed, {SAVED}")


def _read_zip(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} {DAMAGED}")
    with zipfile.ZipFile(path) as parts:
        names = parts.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        return load_torchscript(path)
    if any(name.endswith("/data.pkl") for name in names):
        return load_pickled(path)
    found = [
        words
        for ending, words in OTHER_ZIPS.items()
        if any(name.endswith(ending) for name in names)
    ]
    what = found[0] if found else f"is a zip of other things ({', '.join(names[:3]) or 'nothing'})"
    raise ValueError(f"{path} {what}: a state dict is needed, {SAVED}")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, KeyError, ValueError):
        raise ValueError(f"{path} {DAMAGED}") from None


def check_names(
    path: Path, architecture: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """ValueError where the layers' names or sizes are not the expected ones."""
    counted = "num_batches_tracked"  # by later versions of torch, which do without in older files
    missing = [name for name in expected if name not in state and not name.endswith(counted)]
    unknown = [name for name in state if name not in expected]
    sizes = [
        f"{name} ({list(state[name].shape)}, not {list(expected[name].shape)})"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    for what, names in [("lacks", missing), ("also has", unknown), ("has other sizes in", sizes)]:
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ValueError(
                f"{path} is not a state dict of torchvision's {architecture}: it {what} {names[0]}"
                + more
            )
