"""Whole int8 archives: the same twice, and none that disagrees."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts import SAMPLES
from tests.packaging.building import built, card_of, weights_options
from tests.service import SHARED


@pytest.mark.slow
@pytest.mark.long
def test_int8_archive_is_reproducible(int8_archive: Path, tmp_path: Path) -> None:
    """With what make builds it with: the pictures beside the checkout, where they are there."""
    pictures = SHARED / "images"
    folder = ["--calibration", str(pictures)] if pictures.is_dir() else []
    done = built(tmp_path / "x.mar", "--precision", "int8", *folder, *weights_options())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.mar").read_bytes() == int8_archive.read_bytes()
    assert card_of(int8_archive)["calibration"]["overflow_fix"] == "enable"


@pytest.mark.slow
@pytest.mark.long
def test_int8_from_the_samples(tmp_path: Path) -> None:
    """Without a folder of pictures the project's own are what it is calibrated with."""
    done = built(tmp_path / "x.mar", "--precision", "int8", *weights_options())
    assert done.returncode == 0, done.stderr
    assert "calibration: 150 pictures, windows of the project's own" in done.stdout
    card = card_of(tmp_path / "x.mar")
    assert card["agreement_with_pytorch_fp32"]["same_best_class"] >= 0.9 * 96


@pytest.mark.slow
def test_int8_that_disagrees_is_not_packed(tmp_path: Path) -> None:
    """Calibrated with black pictures, it knows nothing of the photographs that judge it."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    samples = [Image.open(path) for path in sorted(SAMPLES.glob("*.jpg"))]
    for i in range(20):
        Image.new("RGB", (256, 256)).save(pictures / f"{i:02}-black.png")
        sample = samples[i % len(samples)]
        left, top = (int(rng.integers(0, side - 200)) for side in sample.size)
        sample.crop((left, top, left + 200, top + 200)).save(pictures / f"{i:02}-photograph.png")
    options = ["--precision", "int8", "--calibration", str(pictures), *weights_options()]
    done = built(tmp_path / "x.mar", *options)
    assert done.returncode == 1
    assert "fewer than 90% of the pictures; nothing was packed" in done.stderr
    assert not (tmp_path / "x.mar").exists()
