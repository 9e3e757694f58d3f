"""What TorchServe's process is given and asked for."""

import asyncio
import os
from contextlib import closing
from pathlib import Path

import pytest

from scripts.serving import java
from scripts.serving.changes import Changes, Wanted
from scripts.serving.ports import Claims
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from scripts.serving.torchserve import PORTS, TorchServe, collect_garbage


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


@pytest.mark.parametrize(("models", "megabytes"), [("a", 260), ("abc", 500)])
def test_each_further_model_has_memory_for_its_queue(
    tmp_path: Path, models: str, megabytes: int
) -> None:
    """Java takes the last of several such options."""
    run = RunDirectory(tmp_path)
    run.create()
    run.record(Changes({name: Wanted((f"{name}.mar",)) for name in models}))
    with closing(Claims(PORTS)) as ports:
        command = TorchServe(Settings(), run, ports).process.command
    most = [option for option in command if option.startswith("-Xmx")]
    assert most[-1] == f"-Xmx{megabytes}m"
