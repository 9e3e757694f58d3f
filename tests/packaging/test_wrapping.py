"""Where a checkpoint has its network, and the names of its classes."""

from pathlib import Path

import pytest
import torch

from scripts.packaging.checkpoint import load
from tests.packaging.states import State, assert_same


def test_averaged_weights_come_first(state: State, tmp_path: Path) -> None:
    raw = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({"state_dict": raw, "state_dict_ema": state}, tmp_path / "x.pth")
    checkpoint = load(tmp_path / "x.pth")
    assert_same(checkpoint.state, state)
    assert checkpoint.notes == ["of its networks state_dict_ema, state_dict the first is taken"]


def test_a_network_beside_its_average(state: State, tmp_path: Path) -> None:
    raw = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({**raw, "ema": state}, tmp_path / "x.pth")
    checkpoint = load(tmp_path / "x.pth")
    assert_same(checkpoint.state, state)
    assert checkpoint.notes == ["of its networks ema, itself the first is taken"]


@pytest.mark.parametrize(
    "meta",
    [
        {"classes": ["cat", "dog", "cow"]},
        {"class_to_idx": {"dog": 1, "cat": 0, "cow": 2}},
        {"hyper_parameters": {"class_names": ("cat", "dog", "cow")}},
        {"meta": {"idx_to_class": {0: "cat", 1: "dog", 2: "cow"}}},
    ],
)
def test_class_names_beside_the_network(meta: State, state: State, tmp_path: Path) -> None:
    torch.save({"model": state, **meta}, tmp_path / "x.pth")
    assert load(tmp_path / "x.pth").class_names == ["cat", "dog", "cow"]
