"""What TorchServe's workers import, and what they do without (deploy/worker)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.serving.torchserve import WORKER


@pytest.mark.parametrize("lean", [False, True], ids=["torchserve's command", "the service"])
def test_openvino_reports_to_nobody(tmp_path: Path, lean: bool) -> None:
    """It would at every import, and begins by giving this user a number, in a file of the home."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD")}
    path = f"{WORKER}:{ROOT}" if lean else str(ROOT)
    program = (
        "import handler.engines.openvino, sys; from types import ModuleType\n"
        "for name in ('openvino_telemetry', 'openvino.tools.ovc'):\n"
        "    print(isinstance(sys.modules[name], ModuleType))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=kept | {"HOME": str(tmp_path), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (f"False\n{not lean}\n", "")
    assert not list(tmp_path.iterdir())
