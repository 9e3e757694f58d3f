import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import numpy as np
import pytest
from PIL import Image

from handler import preprocessing
from handler.decoding import Picture, decode
from handler.errors import UnsupportedFormat
from handler.preprocessing import Preprocessor
from handler.preset import Preset
from handler.resizing import HAS_SIMD, network_input, resample_exactly, resample_with_simd
from scripts import ROOT, SAMPLES
from tests.handler.pictures import noise, saved

CAT = (SAMPLES / "cat.jpg").read_bytes()


@pytest.mark.parametrize(
    ("exact", "resample"),
    [(True, resample_exactly), (False, resample_with_simd if HAS_SIMD else resample_exactly)],
)
def test_it_decodes_and_resizes(exact: bool, resample: preprocessing.Resample) -> None:
    expected = network_input(*decode(CAT), resample)
    assert np.array_equal(Preprocessor(exact)(CAT).pixels, expected)


@pytest.mark.skipif(not HAS_SIMD, reason="no wheel of cykooz-resizer for this processor")
def test_exact_and_fast_differ() -> None:
    """Otherwise the test above would show nothing."""
    exact, fast = (Preprocessor(exact)(CAT).pixels for exact in (True, False))
    assert not np.array_equal(exact, fast)


WITHOUT_SIMD = """
import sys
sys.modules["cykooz_resizer"] = None  # what is imported from it is not found
from pathlib import Path
import numpy as np
from handler.preprocessing import Preprocessor
data = Path(sys.argv[1]).read_bytes()
np.save(sys.argv[2], [Preprocessor(exact)(data).pixels for exact in (True, False)])
"""


def test_without_simd_all_pictures_are_exact(tmp_path: Path) -> None:
    """On ARM, and wherever else cykooz-resizer has no wheel."""
    command = [sys.executable, "-c", WITHOUT_SIMD, SAMPLES / "cat.jpg", tmp_path / "pixels.npy"]
    subprocess.run(command, cwd=ROOT, check=True)
    expected = network_input(*decode(CAT))
    for pixels in np.load(tmp_path / "pixels.npy"):
        assert np.array_equal(pixels, expected)


def test_format_and_times() -> None:
    started = time.perf_counter()
    picture = Preprocessor(exact=True)(saved(noise(300, 300), "PNG"))
    total = time.perf_counter() - started
    assert picture.format == "PNG"
    assert picture.decode_seconds > 0
    assert picture.resize_seconds > 0
    assert picture.decode_seconds + picture.resize_seconds <= total


def test_errors_are_the_decoders() -> None:
    with pytest.raises(UnsupportedFormat):
        Preprocessor(exact=True)(b"no picture")


def meetings(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[bool]:
    """Whether each of two pictures will have met the other while it is decoded."""
    barrier, met = Barrier(2), list[bool]()

    def load(image: Image.Image, format: str, preset: Preset) -> Picture:
        try:
            barrier.wait(seconds)
            met.append(True)
        except BrokenBarrierError:
            met.append(False)
        return Picture(image, (0, 0, *image.size))

    monkeypatch.setattr(preprocessing, "load", load)
    return met


@pytest.mark.parametrize(
    ("limit", "seconds", "expected"), [(100 * 100, 30, [True, True]), (9_999, 0.2, [False, False])]
)
def test_only_large_pictures_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, limit: int, seconds: float, expected: list[bool]
) -> None:
    monkeypatch.setattr(preprocessing, "MAX_CONCURRENT_PIXELS", limit)
    data, preprocess = saved(noise(100, 100), "PNG"), Preprocessor(exact=True)
    met = meetings(monkeypatch, seconds)
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(preprocess, [data] * 2))) == 2
    assert met == expected
