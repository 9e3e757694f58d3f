"""What the network said of pictures is remembered of this network alone."""

import json
import zipfile
from pathlib import Path

import numpy as np

from scripts import SAMPLES
from scripts.evaluating.model import Model
from scripts.teaching.memory import Memory
from tests.archives import rebuilt

PICTURE = SAMPLES / "coffee.jpg"


def test_another_network_looks_anew(archive: Path, tmp_path: Path) -> None:
    """Where only what it was calibrated with is different."""
    card = json.loads(zipfile.ZipFile(archive).read("model_card.json"))
    card["calibration"] = {"pictures": 8, "origin": "others", "overflow_fix": "none"}
    text = json.dumps(card).encode()
    other = rebuilt(archive, tmp_path / "other.mar", "1.0", model_card_json=text)
    kept = tmp_path / "descriptions.npz"
    with Model(archive) as model:
        memory = Memory(model, kept)
        seen = memory.look([PICTURE], "look")
        memory.keep()
        with np.load(kept) as arrays:
            np.savez(kept, **{**arrays, "features": np.zeros_like(seen.features)})
        assert not Memory(model, kept).look([PICTURE], "look").features.any()
    with Model(other) as model:
        assert Memory(model, kept).look([PICTURE], "look").features.any()
