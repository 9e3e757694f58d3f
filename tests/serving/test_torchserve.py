"""What TorchServe's process is given and asked for."""

import asyncio
import os
from pathlib import Path

import pytest

from scripts.serving import java
from scripts.serving.torchserve import collect_garbage


def test_a_tool_that_can_not_be_started_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the checkout was moved while it serves, or no process may be started any more."""
    monkeypatch.setattr(java, "JCMD", tmp_path / "jcmd")
    asyncio.run(collect_garbage(os.getpid()))
