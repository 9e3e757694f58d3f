"""The README's first minutes, on every Python of this machine that is supported."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import PYTHONS, ROOT, SAMPLES
from scripts.serving.ports import free_port
from tests.service import Service

CAT = SAMPLES / "cat.jpg"
NOT_IN_A_CHECKOUT = shutil.ignore_patterns(".*", "*.mar", "__pycache__", "logs")


def find(minor: int) -> str | None:
    name = f"python3.{minor}"
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in [shutil.which(name), *root.glob(f"versions/3.{minor}.*/bin/python")]:
        if path and not subprocess.run([path, "-c", ""], capture_output=True).returncode:
            return str(path)
    return None


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("minor", range(PYTHONS[0][1], PYTHONS[1][1] + 1))
def test_builds_serves_and_classifies(minor: int, tmp_path: Path, service: Service) -> None:
    python = find(minor)
    if python is None:
        pytest.skip(f"Python 3.{minor} is not on this machine")
    checkout = tmp_path / "main"
    shutil.copytree(ROOT, checkout, ignore=NOT_IN_A_CHECKOUT)
    if (ROOT.parent / "shared").exists():
        (tmp_path / "shared").symlink_to(ROOT.parent / "shared")

    def make(*words: str) -> str:
        command = ["make", "--no-print-directory", *words, f"PYTHON={python}"]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=2500)
        print(done.stdout, done.stderr)
        assert done.returncode == 0
        return done.stdout

    port = free_port()
    try:
        said = make("start", f"PORT={port}")
        assert re.search(rf"\.venv: Python 3\.{minor}\.", said)
        own = checkout / ".venv" / "bin" / "python"
        answers = [
            subprocess.run(
                [runner, script / "scripts" / "classify.py", "--json", *options, CAT],
                capture_output=True,
                check=True,
            ).stdout
            for runner, script, options in (
                (own, checkout, ()),
                (sys.executable, ROOT, ("--url", service.url)),
            )
        ]
        there, here = (json.loads(answer)["items"] for answer in answers)
        for one, other in zip(there, here, strict=True):
            assert one.pop("confidence") == pytest.approx(other.pop("confidence"), abs=2e-6)
            assert one == other
    finally:
        make("stop")
        shutil.rmtree(checkout)
