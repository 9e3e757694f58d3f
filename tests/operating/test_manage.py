"""What the commands say to what nobody can do, in one sentence and without a service's help."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
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
