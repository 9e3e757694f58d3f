"""State dicts, as found and as expected."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from scripts.packaging.reference import load_reference

State = dict[str, Any]


def assert_same(found: dict[str, Tensor], state: State) -> None:
    named = {name: value for name, value in state.items() if "tracked" not in name}
    assert {name for name in found if "tracked" not in name} == set(named)
    for name, value in named.items():
        assert torch.equal(found[name], value), name


def refused(path: Path, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        load_reference(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert len(said.splitlines()) == 1
    assert "weights_only=False" not in said
    assert "safe_globals" not in said
