"""The lean start of TorchServe's workers (deploy/worker)."""

import os
import subprocess
import sys
from pathlib import Path

from scripts.serving.torchserve import WORKER


def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    """It would at every import, and begins by giving this user a number, in a file of the home."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD")}
    environment = {**kept, "HOME": str(tmp_path), "PYTHONPATH": str(WORKER)}
    program = "import openvino, sys; print('openvino_telemetry' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
    assert not list(tmp_path.iterdir())
