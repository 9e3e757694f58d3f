"""make status and make scale."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from tests.service import Service


def test_status(service: Service) -> None:
    done = service.manage("status")
    assert done.returncode == 0
    for word in ("ready", "READY", "fp32 with ncnn", str(service.worker_pids()[0])):
        assert word in done.stdout


def test_a_watch_goes_on_while_nothing_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.manage", "--run-directory", str(tmp_path)]
    with subprocess.Popen(
        [*command, "status", "--watch"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout
        for _ in range(2):
            assert "The service is not running. Start it: make start" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(10) == 0


@pytest.mark.parametrize("workers", ["0", "1000", "x"])
def test_scale_refuses(service: Service, workers: str) -> None:
    assert service.manage("scale", workers).returncode != 0
    assert len(service.worker_pids()) == 1
