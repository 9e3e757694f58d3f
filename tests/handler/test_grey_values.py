"""Which values of wide greys are black and white; test_tiff.py has whole pictures."""

import numpy as np
import pytest
from numpy.typing import NDArray

from handler.decoding import decode
from handler.errors import UnsupportedKind
from tests.handler.tiffs import tiff


def levels(values: list[float], dtype: str, white_is_zero: bool = False) -> NDArray[np.uint8]:
    samples = np.array(values).astype(dtype)[None, :, None]
    return np.asarray(decode(tiff(samples, 0 if white_is_zero else 1)).image)[0]


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("u2", [0, 257, 65535], [0, 1, 255]),
        ("u2", [0, 257], [0, 1]),  # dark, as in browsers
        ("u4", [0, 20, 255], [0, 20, 255]),
        ("u4", [0, 257, 30000], [0, 1, 117]),
        ("u4", [0, 2**24, 2**32 - 1], [0, 1, 255]),
        ("i1", [-128, 0, 127], [0, 128, 255]),
        ("i1", [0, 127], [0, 255]),
        ("i2", [-(2**15), 0, 2**15 - 1], [0, 128, 255]),
        ("i2", [0, 100, 255], [0, 100, 255]),
        ("i2", [0, 2**15 - 1], [0, 255]),
        ("i4", [-(2**31), 0, 2**31 - 1], [0, 128, 255]),
        ("i4", [0, 65535], [0, 255]),
        ("i4", [0, 2**31 - 1], [0, 255]),
        ("f4", [0, 0.5, 1], [0, 128, 255]),
        ("f4", [0, 0.01], [0, 3]),
        ("f4", [-0.1, 0.5, 1.2], [0, 128, 255]),  # resampled
        ("f4", [0, 128, 255], [0, 128, 255]),
        ("f4", [-9, 128, 300], [0, 128, 255]),
        ("f4", [0, 257, 65535], [0, 1, 255]),
        ("f2", [0, 0.5, 1], [0, 128, 255]),
        ("f4", [np.nan, -np.inf, np.inf, 1], [0, 0, 255, 255]),
        ("f4", [np.nan], [0]),
    ],
)
def test_range(dtype: str, values: list[float], expected: list[int]) -> None:
    assert levels(values, dtype).tolist() == expected
    if np.isfinite(values).all():
        inverted = [255 - level for level in expected]
        assert np.abs(levels(values, dtype, white_is_zero=True) - inverted).max() <= 1


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("u4", [0, 4095]),
        ("i2", [-1024, 3071]),  # a scanner's Hounsfield units
        ("i4", [-5, 70000]),
        ("f4", [-2.1, 2.6]),  # normalised for a network
        ("f4", [0, 8]),  # a high dynamic range
        ("f4", [0, 4095]),
        ("f4", [-9999, 2500]),  # an elevation, and where there is none
        ("f4", [0, 1e9]),
    ],
)
def test_where_nothing_tells_what_is_white(dtype: str, values: list[float]) -> None:
    with pytest.raises(UnsupportedKind, match="with nothing to say which is white"):
        levels(values, dtype)
