"""The folder of a service: its lock, its state, its places."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.serving.bounds import SOCKET_PATH
from scripts.serving.run_directory import Changes, RunDirectory, State
from scripts.serving.settings import Settings

HOLDER = """
import sys
from pathlib import Path
from scripts.serving.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked() as is_ours:
    print(is_ours, flush=True)
    sys.stdin.read()
"""


def test_the_kernel_says_who_has_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    assert run.holder() is None
    assert not run.path.exists()  # asking leaves nothing
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        assert run.holder() == holder.pid
        with run.locked() as is_ours:
            assert not is_ours
        assert run.holder() == holder.pid  # who asked in vain took nothing away
        holder.kill()
        holder.wait()
        assert run.holder() is None


def test_asking_oneself_does_not_let_go(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked() as is_ours:
        assert is_ours
        assert run.holder() == os.getpid()
        code = "import sys; from pathlib import Path\n"
        code += "from scripts.serving.run_directory import RunDirectory\n"
        code += "print(RunDirectory(Path(sys.argv[1])).holder())"
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == f"{os.getpid()}\n"
    assert run.holder() is None


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.state() is None
    settings = Settings.of({"ARCHIVE": "/x y/ü.mar", "ACCESS_KEY": "k" * 16, "MODEL_API": "1"})
    addresses = ("http://a", "http://b", "http://c", "http://d", "http://e")
    state = State("ready", 7, "resnet18", *addresses, settings, 123, {"8": "99"})
    run.write_state(state)
    assert run.state() == state


def test_state_of_another_version_is_none(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text('{"pid": 1, "status": "ready"}')
    assert RunDirectory(tmp_path).state() is None


def test_changes_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.changes() == Changes()
    changes = Changes(3, ("a.mar", "b.mar"), "c.mar")
    run.record(changes)
    assert run.changes() == changes


@pytest.mark.parametrize("length", [10, 150, 250])
@pytest.mark.parametrize("temporary", ["/tmp", "/tmp/" + "t" * 105])
def test_sockets_have_room(length: int, temporary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", temporary)
    run = RunDirectory(Path("/", "x" * length, "run"))
    longest = bytes(run.scratch / "torchserve" / ".ts.sock.65535")
    assert len(longest) <= SOCKET_PATH
    assert (run.scratch.parent == run.path) == (length == 10)
    assert run.scratch == RunDirectory(run.path).scratch


def test_scratch_begins_empty(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.clear_scratch()
    (run.scratch / "left").touch()
    run.clear_scratch()
    assert list(run.scratch.iterdir()) == []
    assert run.scratch.stat().st_mode & 0o077 == 0
