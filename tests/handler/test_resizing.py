"""Resizing and cropping, against torchvision's own transforms."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from handler import resizing
from handler.decoding import decode
from handler.preset import IMAGENET, Preset
from handler.resizing import (
    HAS_SIMD,
    Pixels,
    crop_box,
    network_input,
    resample_exactly,
    resample_with_simd,
)
from scripts import SAMPLES
from scripts.packaging.reference import torchvision
from tests.handler.pictures import assert_within_one_level, gradient, noise

F = torchvision.transforms.functional
# Of 1 x 10,000 pixels torchvision makes 256 x 2,560,000: 2.6 GB.
SIZES = [(1, 1), (1, 1000), (3, 5), (224, 224), (256, 256), (257, 333), (1000, 301), (255, 500)]
BOTH_WAYS = sorted({size for width, height in SIZES for size in [(width, height), (height, width)]})
with_simd = pytest.mark.skipif(
    not HAS_SIMD, reason="cykooz-resizer has no wheel for this processor"
)


# timm's, which crop 0.95 of the side and 1.0, and a large one.
OTHERS = [Preset(235, 224, "bicubic"), Preset(288, 288, "bicubic"), Preset(600, 512, "bilinear")]


def torchvision_input(image: Image.Image, preset: Preset = IMAGENET) -> Pixels:
    """What torchvision's transforms do before they scale and normalise."""
    interpolation = torchvision.transforms.InterpolationMode(preset.interpolation)
    resized = F.resize(image.convert("RGB"), [preset.resize], interpolation, antialias=True)
    return np.asarray(F.center_crop(resized, [preset.crop]))


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.jpg")))
@pytest.mark.parametrize("turn", [None, Image.Transpose.ROTATE_90])
def test_photographs_agree_with_torchvision(name: str, turn: Image.Transpose | None) -> None:
    image = decode((SAMPLES / name).read_bytes()).image
    image = image if turn is None else image.transpose(turn)
    assert_within_one_level(network_input(image), torchvision_input(image))


@pytest.mark.parametrize("size", BOTH_WAYS, ids=str)
@pytest.mark.parametrize("make", [noise, gradient])
def test_sizes_agree_with_torchvision(
    make: Callable[[int, int], Image.Image], size: tuple[int, int]
) -> None:
    image = make(*size)
    assert_within_one_level(network_input(image), torchvision_input(image))


@pytest.mark.parametrize("preset", OTHERS, ids=str)
@pytest.mark.parametrize("size", BOTH_WAYS, ids=str)
@pytest.mark.parametrize("make", [noise, gradient])
def test_other_presets_agree_with_torchvision(
    make: Callable[[int, int], Image.Image], size: tuple[int, int], preset: Preset
) -> None:
    """Bicubic filters sharpen, and so make of one level's difference two, but rarely."""
    image = make(*size)
    # Of tall pictures Pillow 13 may reduce the height first; none before it did.
    interpolation = torchvision.transforms.InterpolationMode(preset.interpolation)
    width, height = F.resize(Image.new("1", size), [preset.resize]).size
    across = F.resize(image, [image.height, width], interpolation, antialias=True)
    resized = F.resize(across, [height, width], interpolation, antialias=True)
    expected = np.asarray(F.center_crop(resized, [preset.crop]))
    for resample in [resample_exactly] + [resample_with_simd] * HAS_SIMD:
        pixels = network_input(image, None, resample, preset)
        assert pixels.shape == (preset.crop, preset.crop, 3)
        difference = np.abs(pixels.astype(int) - expected)
        assert difference.max() <= 2
        assert (difference == 2).mean() < 0.001


@pytest.mark.parametrize("preset", OTHERS, ids=str)
def test_photographs_at_other_presets(preset: Preset) -> None:
    """Decoding leaves out of their JPEGs no more than the resize would leave out anyway."""
    for path in SAMPLES.glob("*.jpg"):
        data = path.read_bytes()
        pixels = network_input(*decode(data, preset), preset=preset)
        expected = torchvision_input(Image.open(path), preset)
        assert np.abs(pixels.astype(int) - expected).mean() < 1


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((256, 256), (16, 16, 240, 240)),
        # Resized to 256 x 331; (331 - 224) / 2 = 53.5 rounds to the even 54.
        ((257, 333), (16.0625, 54.326284, 240.9375, 279.679758)),
        # 257 x 256: 16.5 rounds to the even 16.
        ((257, 256), (16, 16, 240, 240)),
        ((512, 1024), (32, 288, 480, 736)),
    ],
)
def test_crop_box_rounds_as_torchvision(size: tuple[int, int], box: tuple[float, ...]) -> None:
    assert crop_box(*size) == pytest.approx(box, abs=1e-5)


@with_simd
@pytest.mark.parametrize("size", BOTH_WAYS, ids=str)
@pytest.mark.parametrize("make", [noise, gradient])
def test_simd_resize_is_nearly_exact(
    make: Callable[[int, int], Image.Image], size: tuple[int, int]
) -> None:
    exact = network_input(make(*size))
    fast = network_input(make(*size), resample=resample_with_simd)
    assert_within_one_level(fast, exact)
    assert (fast != exact).mean() < 0.05


@with_simd
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_simd_resize_is_the_same_on_every_processor(
    mosaic: Image.Image, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cykooz_resizer import CpuExtensions, Resizer

    image = mosaic.convert(mode)
    usual = network_input(image, resample=resample_with_simd)

    class Plain(Resizer):
        def __init__(self) -> None:
            super().__init__()
            self.cpu_extensions = CpuExtensions.none

    monkeypatch.setattr(resizing, "Resizer", Plain)
    assert np.array_equal(network_input(image, resample=resample_with_simd), usual)
