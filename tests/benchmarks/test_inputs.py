"""What is measured with, and that a benchmark which is ended stops what it started."""

import signal
import subprocess
import sys
from pathlib import Path

from scripts import ROOT, SAMPLES
from tests.service import SHARED

PREPARED = """
import argparse, pathlib, sys, time
from benchmarks.inputs import prepared
where = argparse.Namespace(**{name: pathlib.Path(path) for name, path in zip(
    ("output", "pictures", "weights"), sys.argv[1:], strict=True)})
with prepared(where) as found:
    try:
        print("ready", len(found.pictures), flush=True)
        time.sleep(60)
    finally:
        print("stopped", flush=True)
"""


def test_sigterm_stops_what_runs(tmp_path: Path, archive: Path, int8_archive: Path) -> None:
    weights = next((SHARED / "weights").glob("resnet18*.pth"))
    command = [sys.executable, "-c", PREPARED, str(tmp_path), str(SAMPLES), str(weights)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        while not run.stdout.readline().startswith(b"ready"):
            assert run.poll() is None
        run.send_signal(signal.SIGTERM)
        said, _ = run.communicate(timeout=20)
    assert said == b"stopped\n"
