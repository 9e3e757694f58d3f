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
    monkeypatch.setattr(java, "LISTENER", str(tmp_path))
    asyncio.run(collect_garbage(os.getpid()))


def test_a_jvm_whose_socket_is_gone_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be by a signal that ends it."""
    tool, asked = tmp_path / "jcmd", tmp_path / "asked"
    tool.write_text(f"#!/bin/sh\ntouch {asked}\n")
    tool.chmod(0o700)
    monkeypatch.setattr(java, "JCMD", tool)
    for listener, is_asked in ((tmp_path / "gone", False), (tool, True)):
        monkeypatch.setattr(java, "LISTENER", str(listener))
        asyncio.run(collect_garbage(os.getpid()))
        assert asked.exists() is is_asked
