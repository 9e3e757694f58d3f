"""The project's commands, and the rooms they are made of; `make help` lists what calls them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "web_client" / "samples"
