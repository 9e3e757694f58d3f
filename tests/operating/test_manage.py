"""What the commands say to what nobody can do, in one sentence and without a service's help."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.serving.run_directory import RunDirectory, State
from scripts.serving.settings import Settings
from tests.service import Service

COMMAND = [sys.executable, "-m", "scripts.manage", "--run-directory"]


def manage(run: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, str(run), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("rollout", "Which archive? make rollout ARCHIVE=new.mar"),
        ("default", "Which version? make default VERSION=2.0"),
        ("unload", "Which version? make unload VERSION=2.0"),
        ("scale", "How many workers? make scale WORKERS=3"),
        ("rollout x.mar --agreement 2", "'2' is not a number from 0 to 1"),
        ("rollout x.mar --agreement nan", "'nan' is not a number from 0 to 1"),
        ("rollout x.mar --latency nan", "'nan' is not a number of at least 0"),
        ("rollback --latency -1", "'-1' is not a number of at least 0"),
        ("rotate-keys --grace soon", "'soon' is not a number from 0 to 604800"),
        ("rotate", "invalid choice: 'rotate'"),
        ("unload 2.0", "The service is not running. Start it: make start"),
    ],
)
def test_one_sentence(tmp_path: Path, arguments: str, reason: str) -> None:
    done = manage(tmp_path / "no service", *arguments.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("failed", "TorchServe ended 5 times. See /x/torchserve.out", "it gave up at 20"),
        ("ready", None, "its supervisor was killed, or this machine restarted. See "),
        ("stopped", None, "The service is not running. Start it: make start"),
    ],
)
def test_why_nothing_runs(tmp_path: Path, status: str, reason: str | None, words: str) -> None:
    state = State(
        status=status,  # type: ignore[arg-type]
        pid=1,
        model="resnet18",
        **dict.fromkeys(("url", "local_url", "inference", "management", "metrics"), "http://a"),
        settings=Settings(),
        archive_mtime=0,
        children={},
        reason=reason,
    )
    RunDirectory(tmp_path).write_state(state)
    done = manage(tmp_path, "status")
    assert done.returncode == 1
    assert words in done.stderr
    assert (reason or "") in done.stderr
    assert done.stderr.endswith("Start it: make start\n")


@pytest.mark.parametrize("command", ["versions", "status", "status --watch"])
def test_a_reader_that_has_enough(service: Service, command: str) -> None:
    done = [*COMMAND, str(service.run.path), *command.split()]
    pipe = subprocess.PIPE
    with subprocess.Popen(done, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == ""
