import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from handler.preprocessing import Preprocessor
from scripts import SAMPLES
from scripts.evaluating.thumbnails import SIDE, thumbnail, with_heat_map

PICTURE = min(SAMPLES.glob("*.jpg"))


def shown(address: str | None) -> Image.Image:
    assert address
    head, data = address.split(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean, in levels of 255."""
    assert one.size == other.size
    pixels = [np.asarray(image.convert("RGB"), float) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright(tmp_path: Path, orientation: int) -> None:
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(PICTURE) as image:
        image.resize((300, 200)).save(file, exif=exif)
    with Image.open(file) as image:
        expected = ImageOps.exif_transpose(image)
    expected.thumbnail((SIDE, SIDE))
    assert difference(shown(thumbnail(file)), expected) < 8  # what JPEG loses


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "jpg"), ("L", "png"), ("RGBA", "png")])
def test_whatever_its_colours_are(tmp_path: Path, mode: str, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    with Image.open(PICTURE) as image:
        expected = image.convert("L" if mode == "L" else "RGB").resize((300, 200))
    expected.convert(mode).save(file)
    expected.thumbnail((SIDE, SIDE))
    assert difference(shown(thumbnail(file)), expected) < 8  # what JPEG loses


def test_what_can_no_longer_be_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    assert thumbnail(file) is None
    file.write_bytes(PICTURE.read_bytes()[:500])
    assert thumbnail(file) is None
    assert thumbnail(tmp_path) is None


def test_colours_lie_where_the_heat_is() -> None:
    pixels = Preprocessor(exact=True)(PICTURE.read_bytes()).pixels
    heat = np.zeros((7, 7), np.float32)
    heat[1, 5] = 1
    plain, warm = (
        np.asarray(shown(with_heat_map(pixels, map_)), float)
        for map_ in (np.zeros_like(heat), heat)
    )
    changed = np.abs(plain - warm).mean(2)
    cells = changed[: SIDE // 7 * 7, : SIDE // 7 * 7].reshape(7, SIDE // 7, 7, SIDE // 7)
    assert np.unravel_index(cells.mean((1, 3)).argmax(), (7, 7)) == (1, 5)
    assert changed[SIDE // 2 :, : SIDE // 2].mean() < 3
