"""Files that people have for weights: each is refused with what it is, and what to do."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from scripts.packaging.reference import load_reference, torchvision

State = dict[str, Any]


@pytest.fixture(scope="module")
def state() -> State:
    made: State = torchvision.models.resnet18(num_classes=3).state_dict()
    return made


def sequential(state: State) -> State:
    return {name.replace("fc.", "fc.1."): value for name, value in state.items()}


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {f"{prefix}{name}": value for name, value in state.items()}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda state: {"state_dict": state, "epoch": 3}, "['state_dict'], 'weights.pth')"),
        (lambda state: {"model": state}, "It has one as 'model'"),
        (prefixed("module."), "its names begin with 'module.'. Save it without"),
        (prefixed("model.net."), "its names begin with 'model.net.'"),
        (sequential, "its classifier is a Sequential with fc.1"),
        (lambda _: torchvision.models.resnet34().state_dict(), "the layers of a ResNet-34"),
        (lambda _: {"layer1.0.conv3.weight": torch.zeros(1)}, "of a ResNet-50 or a deeper one"),
        (lambda _: {"weight": torch.zeros(1)}, "it lacks conv1.weight and "),
        (lambda state: {**state, "extra": torch.zeros(1)}, "it also has extra"),
        (lambda state: {**state, "fc.weight": torch.zeros(3, 9)}, "other sizes in fc.weight"),
        (lambda state: {**state, "fc.bias": torch.zeros(4)}, "other sizes in fc.bias"),
        (lambda state: list(state), "has a list, not a state dict"),
        (lambda _: {}, "is not a state dict"),
        (lambda _: nn.Linear(1, 1), "a whole model"),
    ],
)
def test_what_torch_saved(
    content: Callable[[State], object], sentence: str, state: State, tmp_path: Path
) -> None:
    path = tmp_path / "my weights.pth"
    torch.save(content(state), path)
    refused(path, sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"hello\n", "nor any file that torch.save wrote"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"PK\x03\x04" + bytes(100), "is damaged or cut off"),
    ],
)
def test_other_files(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "my weights.pth"
    path.write_bytes(content)
    refused(path, sentence)


@pytest.mark.parametrize("new", [False, True])
def test_a_download_that_was_cut_off(state: State, new: bool, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "whole.pth", _use_new_zipfile_serialization=new)
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "part.pth").write_bytes(data[: len(data) // 2])
    refused(tmp_path / "part.pth", "is damaged or cut off")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), tmp_path / "script.pt")  # type: ignore[no-untyped-call]
    refused(tmp_path / "script.pt", "is a TorchScript model")


@pytest.mark.parametrize("old", [False, True])
def test_good(state: State, old: bool, tmp_path: Path) -> None:
    """Older versions of torch write another form, and count no batches."""
    uncounted = {name: value for name, value in state.items() if "tracked" not in name}
    path = tmp_path / "mine.pth"
    torch.save(uncounted if old else state, path, _use_new_zipfile_serialization=not old)
    assert load_reference(path).classes == 3
    shutil.move(path, tmp_path / "a b ü.pth")
    assert load_reference(tmp_path / "a b ü.pth").classes == 3


def refused(path: Path, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        load_reference(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert len(said.splitlines()) == 1
    assert "weights_only=False" not in said
