"""What the commands say to what nobody can do, in one sentence and without a service's help."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.operating.manage import in_time
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
        ("rotate-keys --key-from /nowhere", "/nowhere: No such file or directory"),
        ("rotate-keys --key-from Makefile", "Makefile: a key has 16 or more ASCII letters"),
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


def test_times_of_other_days_have_a_date() -> None:
    now = datetime.now()
    later = now + timedelta(days=2)
    assert in_time(later.timestamp()) == later.isoformat(" ", "seconds")
    assert in_time(now.timestamp()) in (
        now.isoformat(" ", "seconds").split()[1],
        now.isoformat(" ", "seconds"),  # midnight has just passed
    )


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
