"""The project's commands, and the rooms they are made of; `make help` lists what calls them."""

import sys

PYTHONS = ((3, 11), (3, 14))

# Before anything that an older Python can't even read.
if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
    words = (
        "Python %d.%d to %d.%d is needed; this is Python %d.%d (%s). Name one: PYTHON=python3.13"
    )
    sys.exit(words % (PYTHONS[0] + PYTHONS[1] + sys.version_info[:2] + (sys.executable,)))

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "web_client" / "samples"

# Not a command's own folder, where `packaging` would be ours in place of the library.
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != ROOT / "scripts"]
