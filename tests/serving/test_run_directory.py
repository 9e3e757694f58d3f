"""The folder of a service: its lock, its state, its places."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving.bounds import SOCKET_PATH
from scripts.serving.changes import Changes, Wanted
from scripts.serving.run_directory import RunDirectory, State, Status
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
    state = State("ready", 7, "resnet18", *addresses, settings, {"resnet18": 123}, {"8": "99"})
    run.write_state(state)
    assert run.state() == state


def recorded(run: RunDirectory, pid: int) -> dict[str, Any]:
    """What a service that has a certificate says of itself."""
    settings = Settings(certificate=Path("/c.pem"), domain="a.test")
    run.create()
    run.write_state(State("ready", pid, *"abcdef"[:6], settings, {"a": 123}, {}))
    said: dict[str, Any] = json.loads((run.path / "service.json").read_text())
    return said


@pytest.mark.parametrize("gone", ["workers", "certificate", "access_key", "archive"])
def test_state_of_another_version_is_read_as_far_as_it_is_known(gone: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    said = recorded(run, pid=7)
    before = run.state()
    assert before
    del said["settings"][gone], said["reason"]
    said |= {"new": 1, "settings": said["settings"] | {"new": 1}}
    (tmp_path / "service.json").write_text(json.dumps(said))
    default = getattr(Settings(), gone)
    assert run.state() == replace(before, settings=replace(before.settings, **{gone: default}))


@pytest.mark.parametrize("gone", ["pid", "management", "settings"])
def test_state_of_which_too_much_is_missing_is_none(gone: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    said = recorded(run, pid=7)
    del said[gone]
    (tmp_path / "service.json").write_text(json.dumps(said))
    assert run.state() is None


def test_another_versions_service_is_told_from_one_that_starts(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked():
        said = recorded(run, pid=os.getpid())
        assert run.running_state()
        for pid, is_its in ((os.getpid(), True), (1, False)):
            there = {**said, "pid": pid}
            del there["management"]
            (tmp_path / "service.json").write_text(json.dumps(there))
            if is_its:
                with pytest.raises(ServiceError, match=r"another version .* make stop, make start"):
                    run.running_state()
            else:  # of the one before it
                assert run.running_state() is None
    assert run.running_state() is None


@pytest.mark.parametrize("words", ["service start", "manage status", "classify x.jpg"])
def test_commands_say_so_at_once(words: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked():
        said = recorded(run, pid=os.getpid())
        del said["management"]
        (tmp_path / "service.json").write_text(json.dumps(said))
        module, word = words.split()
        command = [sys.executable, "-m", f"scripts.{module}"]
        options = ["--run-directory", str(tmp_path)]
        command += [*options, word] if module == "manage" else [word, *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode in (1, 2)
    assert "was started by another version" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_does_not_fit_on_the_disk_leaves_what_was_recorded(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record(Changes(old_until=2))
    full = tmp_path / "changes.json.partial"
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        run.record(Changes(old_until=3))
    assert run.changes() == Changes(old_until=2)
    full.unlink()
    run.record(Changes(old_until=3))
    assert run.changes() == Changes(old_until=3)


def test_changes_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.changes() == Changes()
    models = {"a": Wanted(("a.mar", "b.mar"), 3, "c.mar"), "b": Wanted(("d.mar",))}
    changes = Changes(models, given_up={"c": "why"})
    run.record(changes)
    assert run.changes() == changes
    assert list(run.changes().models) == ["a", "b"]


def test_changes_of_a_version_that_knew_one_model_have_none(tmp_path: Path) -> None:
    """So that commands say that the service is of another version."""
    before = {"workers": 2, "archives": ["a.mar"], "previous": None, "access_key": "k"}
    (tmp_path / "changes.json").write_text(json.dumps(before))
    assert RunDirectory(tmp_path).changes() == Changes(access_key="k")


@pytest.mark.parametrize("length", [10, 150, 250])
@pytest.mark.parametrize("temporary", ["/tmp", "/tmp/" + "t" * 105])
def test_sockets_have_room(length: int, temporary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", temporary)
    run = RunDirectory(Path("/", "x" * length, "run"))
    longest = bytes(run.scratch / "torchserve" / ".ts.sock.65535")
    assert len(longest) <= SOCKET_PATH
    assert (run.scratch.parent == run.path) == (length == 10)
    assert run.scratch == RunDirectory(run.path).scratch


def test_scratch_begins_empty_and_leaves_nothing(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.scratch.mkdir()
    (run.scratch / "left").touch()
    with run.fresh_scratch():
        assert list(run.scratch.iterdir()) == []
        assert run.scratch.stat().st_mode & 0o077 == 0
    assert not run.scratch.exists()


def is_locked(folder: Path) -> bool:
    """As whoever clears away old files asks (tmpfiles.d(5))."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_scratch_among_temporary_files_is_nobodys_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start clears what killed services left there; it leaves what others have."""
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        monkeypatch.setattr("tempfile.tempdir", temporary)
        killed, running, starting = (
            RunDirectory(tmp_path / ("x" * 150) / name)
            for name in ("killed", "running", "starting")
        )
        for run in (killed, running, starting):
            run.create()
            assert run.scratch.parent == Path(temporary)
        killed.scratch.mkdir()
        others = Path(temporary, "classification")
        others.mkdir()
        with running.fresh_scratch():
            assert is_locked(running.scratch)
            assert not killed.scratch.exists()
            killed.scratch.mkdir()
            with starting.fresh_scratch():
                assert running.scratch.exists()
                assert not killed.scratch.exists()
        assert list(Path(temporary).iterdir()) == [others]


def test_a_part_of_the_scratch_comes_back_with_all_of_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.create()
    with run.fresh_scratch():
        shutil.rmtree(run.scratch)
        run.clear(run.sockets)
        assert list(run.sockets.iterdir()) == []
        assert run.scratch.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("failed", " (it failed)"),
        ("stopped", ""),
        ("starting", " (it was killed)"),
        ("ready", " (it was killed)"),
        ("stopping", " (it was killed)"),
    ],
)
def test_how_it_ended(status: Status, words: str) -> None:
    state = State(status, 7, *"abcdef", Settings(), {"a": 1}, {}, reason="it failed")
    assert state.last_words == words
