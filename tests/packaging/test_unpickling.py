"""Nothing in a file runs as it is read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.packaging.checkpoint import load
from scripts.packaging.reference import resnet
from tests.packaging.states import State, assert_same, refused


class Harmful:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("protocol", "sentence"), [(2, "would run code: to load it, "), (4, "pickle")]
)
@pytest.mark.parametrize("function", [os.mkdir, eval])
def test_no_code_is_run(
    function: Callable[..., object],
    protocol: int,
    sentence: str,
    old: bool,
    state: State,
    tmp_path: Path,
) -> None:
    mark, path = tmp_path / "was run", tmp_path / "x.pth"
    argument = f"__import__('os').mkdir({str(mark)!r})" if function is eval else str(mark)
    content = {"state_dict": state, "args": Harmful(function, argument)}
    form = {"_use_new_zipfile_serialization": not old, "pickle_protocol": protocol}
    torch.save(content, path, **form)
    refused(path, sentence)
    assert not mark.exists()
    torch.load(path, weights_only=False)  # which would have run it
    assert mark.exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("traced", [False, True])
def test_torchscript(traced: bool, state: State, tmp_path: Path) -> None:
    """From its data; its code is not read."""
    network = resnet("resnet18", 3).eval()
    network.load_state_dict(state)
    example = torch.zeros(1, 3, 64, 64)
    script = torch.jit.trace(network, example) if traced else torch.jit.script(network)  # type: ignore[no-untyped-call]
    torch.jit.save(script, tmp_path / "script.pt")  # type: ignore[no-untyped-call]
    assert_same(load(tmp_path / "script.pt").state, state)
    torch.jit.save(torch.jit.freeze(torch.jit.script(network)), tmp_path / "frozen.pt")  # type: ignore[no-untyped-call]
    refused(tmp_path / "frozen.pt", "whose weights have no names: it is frozen")
