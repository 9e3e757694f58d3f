import json
from typing import Any

import pytest

from handler.preset import IMAGENET, Preset
from scripts.packaging.reference import WEIGHTS


def test_the_defaults_are_torchvisions() -> None:
    preset = WEIGHTS.transforms()
    assert [IMAGENET.resize, IMAGENET.crop] == [*preset.resize_size, *preset.crop_size]
    assert IMAGENET.interpolation == preset.interpolation.value
    assert (list(IMAGENET.mean), list(IMAGENET.std)) == (list(preset.mean), list(preset.std))


def test_a_card_keeps_it() -> None:
    preset = Preset(235, 224, "bicubic", (0.5, 0.1, 1 / 3), (0.5, 0.25, 1))
    assert Preset.of(json.loads(json.dumps(preset.for_card()))) == preset


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"resize": 223}, "a crop of 224 pixels from a shorter side of 223"),
        ({"crop": 31}, "from 32 to 1024 are possible"),
        ({"resize": 1025}, "from 32 to 1024 are possible"),
        ({"interpolation": "nearest"}, "'nearest' is neither bilinear nor bicubic"),
        ({"mean": (0.5,)}, r"mean \(0.5,\) is not 3 numbers"),
        ({"mean": (0.5, 0.5, float("nan"))}, "is not 3 numbers"),
        ({"std": (0.5, 0, 0.5)}, "must be above 0"),
    ],
)
def test_what_is_no_preset(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Preset(**fields)
