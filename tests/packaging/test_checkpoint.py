"""Files that people have for weights: read without running anything, or refused in a sentence."""

import argparse
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from scripts.packaging.checkpoint import load
from scripts.packaging.reference import load_reference, resnet
from tests.packaging.states import State, assert_same, refused


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {f"{prefix}{name}": value for name, value in state.items()}


def with_head(head: str) -> Callable[[State], State]:
    return lambda state: {name.replace("fc.", f"{head}."): state[name] for name in state}


def beside(backbone: str, head: str) -> Callable[[State], State]:
    """A network of two modules."""
    return lambda state: {
        name.replace("fc.", f"{head}.") if name.startswith("fc.") else backbone + name: state[name]
        for name in state
    }


def children(state: State) -> State:
    """As nn.Sequential(*list(resnet.children())[:-1]) names them; the oracle is PyTorch."""
    network = resnet("resnet18", 3)
    network.load_state_dict(state)
    body = nn.Sequential(*list(network.children())[:-1])
    return nn.ModuleDict({"features": body, "classifier": network.fc}).state_dict()


def averaged(state: State) -> State:
    network = resnet("resnet18", 3)
    network.load_state_dict(state)
    return torch.optim.swa_utils.AveragedModel(network).state_dict()


class WithoutCode(argparse.Namespace):
    """A training's options of a class that is not known here."""


METADATA = {
    "args": argparse.Namespace(lr=0.1, out=Path("runs"), best=np.float64(0.9)),
    "best": np.float32(0.5),
    "at": {np.int64(3): Path("best.pth")},
    "history": defaultdict(list, loss=[1.0, 0.5]),
    "seen": np.arange(5),
    "names": np.array(["a", "b"]),
    "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]},
}

FORMS: dict[str, Callable[[State], object]] = {
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "model": lambda state: {"model": OrderedDict(state)},
    "nested": lambda state: {"checkpoint": {"model": state}},
    "flat, with other things": lambda state: {**state, "epoch": 3, "name": "mine"},
    "DataParallel": prefixed("module."),
    "torch.compile": prefixed("_orig_mod."),
    "several": prefixed("module._orig_mod.model.net."),
    "Lightning": lambda state: {
        "state_dict": prefixed("model.")(state) | {"criterion.weight": torch.ones(3)},
        "pytorch-lightning_version": "2.5",
        "hyper_parameters": {"lr": 0.1},
        "callbacks": {},
    },
    "a head after a dropout": with_head("fc.1"),
    "another name of the head": with_head("classifier"),
    "backbone and head": beside("backbone.", "head.fc"),
    "children": children,
    "averaged": averaged,
    "metadata": lambda state: {"state_dict": state, **METADATA},
    "in a defaultdict": lambda state: defaultdict(dict, model=state),
    "parameters": lambda state: {
        name: nn.Parameter(value) if value.is_floating_point() else value
        for name, value in state.items()
    },
    "double": lambda state: {name: value.double() for name, value in state.items()},
    "no counts": lambda state: {name: state[name] for name in state if "tracked" not in name},
}


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, old: bool, state: State, tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save(FORMS[form](state), path, _use_new_zipfile_serialization=not old)
    checkpoint = load(path)
    assert checkpoint.architecture == "resnet18"
    assert_same(checkpoint.state, state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half(dtype: torch.dtype, state: State, tmp_path: Path) -> None:
    half = {name: value.to(dtype) for name, value in state.items()}
    torch.save(half, tmp_path / "half.pth")
    safetensors.torch.save_file(half, tmp_path / "half.safetensors")
    for path in tmp_path.iterdir():
        assert_same(load(path).state, {name: value.float() for name, value in half.items()})


def test_what_is_left_out_is_named(state: State, tmp_path: Path) -> None:
    torch.save(FORMS["Lightning"](state), tmp_path / "x.ckpt")
    [note] = load(tmp_path / "x.ckpt").notes
    assert note == "left out, as no part of the network: criterion.weight"


def two_linear(state: State) -> State:
    return with_head("fc.3")(state) | {"fc.0.weight": torch.zeros(512, 512)}


def without_head(state: State) -> State:
    return {name: state[name] for name in state if not name.startswith("fc.")}


def spoiled(state: State) -> State:
    return {**state, "conv1.weight": torch.full((64, 3, 7, 7), float("nan"))}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (two_linear, "has 2 linear layers after its feature maps, fc.3, fc.0"),
        (without_head, "has no classifier: there is no linear layer"),
        (lambda state: {"student": state, "teacher": state}, "several networks (student, teacher)"),
        (
            lambda state: prefixed("student.")(state) | prefixed("teacher.")(state),
            "has 2 networks, whose layers' names begin with 'student.', 'teacher.'",
        ),
        (lambda _: resnet_of("resnet101"), "has the layers of a ResNet-101; ResNet-18, -34 and"),
        (lambda _: resnet_of("wide_resnet50_2"), "has other sizes in layer1.0.conv1.weight ([128,"),
        (
            lambda _: resnet_of("squeezenet1_0"),
            "is another network: its layers are features.0, features.3.squeeze, features.3.expand1",
        ),
        (lambda _: {"weight": torch.zeros(1)}, "is another network: its layers are weight (1 "),
        (lambda state: {**state, "extra": torch.zeros(1)}, "it also has extra"),
        (
            lambda state: {**state, "fc.weight": torch.zeros(3, 9)},
            "fc.weight ([3, 9], not [3, 512])",
        ),
        (lambda state: {**state, "fc.bias": torch.zeros(4)}, "other sizes in fc.bias"),
        (lambda state: dict(list(state.items())[1:]), "it lacks conv1.weight"),
        (spoiled, "has values in conv1.weight that are no numbers"),
        (lambda state: {n: v.to(torch.int8) for n, v in state.items()}, "not floating point"),
        (lambda _: {"optimizer": METADATA["optimizer"]}, "the state of an optimizer alone"),
        (lambda _: METADATA["optimizer"], "the state of an optimizer alone"),
        (lambda _: {"epoch": 3}, "has no tensors; what it has: 'epoch'"),
        (lambda _: {}, "has no tensors; what it has: nothing"),
        (list, "has a list, not a state dict"),
        (lambda _: nn.Linear(1, 1), "(torch.nn.modules.linear.Linear): a whole model"),
        (lambda state: {"model": state, "args": WithoutCode()}, "test_checkpoint.WithoutCode)"),
    ],
)
def test_what_torch_saved(
    content: Callable[[State], object], sentence: str, state: State, tmp_path: Path
) -> None:
    path = tmp_path / "my weights.pth"
    torch.save(content(state), path)
    refused(path, sentence)


def resnet_of(name: str) -> State:
    made: State = resnet(name, 3).state_dict()  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"hello\n", "is no file of weights: a state dict is needed"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"PK\x03\x04" + bytes(100), "is damaged or cut off"),
        (b"\x08\x08\x12\x07pytorch\x1a\x052.5.1", "is an ONNX model"),
        (b"<!DOCTYPE html>\n<html>", "is a web page"),
        (b'{"metadata": {}}', "is a JSON file"),
        (pickle.dumps({"conv1.weight": [0.5]}), "is a pickle of Python objects"),
        (b"\x40\0\0\0\0\0\0\0{" + bytes(30), "is damaged or cut off"),
    ],
)
def test_other_files(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "my weights.pth"
    path.write_bytes(content)
    refused(path, sentence)


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_download_that_was_cut_off(form: str, state: State, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    if form == "safetensors":
        safetensors.torch.save_file(state, whole)
    else:
        torch.save(state, whole, _use_new_zipfile_serialization=form == "zip")
    data = whole.read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "part.pth").write_bytes(data[: int(len(data) * share)])
        refused(tmp_path / "part.pth", "is damaged or cut off")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("archive/archive_format", "is a torch.export file"),
        ("MAR-INF/MANIFEST.json", "is a TorchServe archive"),
        ("conv1.weight.npy", "has arrays of numpy"),
        ("mine/readme.txt", "is a zip of other things (mine/readme.txt)"),
    ],
)
def test_other_zips(name: str, sentence: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(name, "")
    refused(tmp_path / "x.zip", sentence)


def test_a_path_with_other_letters(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "a b ü.pth")
    assert load_reference(tmp_path / "a b ü.pth").classes == 3
