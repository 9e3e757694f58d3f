"""Archives built by the command, as users build them."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from scripts import ROOT


def weights_options() -> list[str]:
    """The weights of the archives that `make test` builds; none: torchvision's."""
    weights = sorted((ROOT.parent / "shared" / "weights").glob("*.pth"))
    return ["--weights", str(weights[0])] if weights else []


def built(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as users build it."""
    command = [sys.executable, "-m", "scripts.build_archive", "--output", str(output), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def card_of(archive: Path) -> Any:
    return json.loads(zipfile.ZipFile(archive).read("model_card.json"))
