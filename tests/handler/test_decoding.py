import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from handler.decoding import decode
from handler.errors import ClientError, CorruptPicture, PictureTooLarge, UnsupportedFormat
from handler.limits import MAX_PIXELS
from handler.resizing import Pixels, network_input
from scripts import ROOT, SAMPLES
from tests.handler.pictures import (
    FORMATS,
    LOSSLESS,
    bmp,
    gradient,
    noise,
    png_header,
    saved,
    through,
)
from tests.service import SHARED


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_read(format: str) -> None:
    image = gradient(301, 260)
    pixels = through(image, format, **LOSSLESS.get(format, {}))
    if format in LOSSLESS:
        assert np.array_equal(pixels, network_input(image))
    else:
        assert np.abs(pixels.astype(int) - network_input(image)).mean() < 6


ORIENTATIONS: dict[int, Callable[[Pixels], NDArray[Any]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    plain = np.asarray(decode(saved(noise(47, 61), format)).image)
    turned = np.asarray(decode(saved(noise(47, 61), format, exif=exif)).image)
    assert np.array_equal(turned, ORIENTATIONS[orientation](plain))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "TIFF", "AVIF", "MPO"])
def test_the_first_frame_counts(format: str) -> None:
    red, blue = Image.new("RGB", (60, 60), "red"), Image.new("RGB", (60, 60), "blue")
    pixels = through(red, format, save_all=True, append_images=[blue])
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_a_truncated_picture_is_corrupt(format: str, kept: float) -> None:
    data = saved(noise(61, 47), format)
    with pytest.raises(CorruptPicture, match=format) as caught:
        decode(data[: int(len(data) * kept)])
    assert (caught.value.status, caught.value.type) == (422, "corrupt_picture")


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7\n"], ids=["nothing", "text", "PDF"])
def test_what_is_no_picture_is_unsupported(data: bytes) -> None:
    """tests/handler/test_formats.py has more of them."""
    with pytest.raises(UnsupportedFormat) as caught:
        decode(data)
    assert (caught.value.status, caught.value.type) == (415, "unsupported_format")


@pytest.mark.parametrize("size", [(10_000, 5_001), (MAX_PIXELS + 1, 1), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(PictureTooLarge, match="50,000,000") as caught:
        decode(png_header(*size))
    assert (caught.value.status, caught.value.type) == (413, "too_many_pixels")


def test_the_limit_itself_is_allowed() -> None:
    with pytest.raises(ClientError) as caught:
        decode(png_header(10_000, 5_000))
    assert caught.value.type == "corrupt_picture"  # it went on to the missing pixels


def by_full_decoding(data: bytes) -> Pixels:
    image = Image.open(io.BytesIO(data))
    image.load()
    return network_input(ImageOps.exif_transpose(image))


@pytest.mark.parametrize(
    ("size", "reduction", "orientation"),
    [
        ((1023, 1600), 1, 1),
        ((1024, 1600), 2, 1),
        ((1024, 1600), 2, 6),
        ((4200, 3150), 4, 1),
        # Neither side is a multiple of 4: where the filled edges come to lie matters.
        *(((4093, 2049), 4, orientation) for orientation in range(1, 9)),
    ],
    ids=str,
)
def test_large_jpegs_are_decoded_at_a_fraction(
    mosaic: Image.Image, size: tuple[int, int], reduction: int, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(mosaic.resize(size), "JPEG", quality=90, exif=exif)
    picture = decode(data)
    assert max(picture.image.size) == -(-max(size) // reduction)
    left, top, right, bottom = picture.extent
    assert max(right - left, bottom - top) == max(size) / reduction
    difference = np.abs(network_input(*picture).astype(int) - by_full_decoding(data))
    assert difference.mean() < 1
    assert (difference.max() == 0) == (reduction == 1)


@pytest.mark.parametrize("header", [56, 108, 124])
def test_a_bmp_that_is_transparent_everywhere_is_opaque(header: int) -> None:
    """Writers leave the fourth byte at zero and say that it is alpha."""
    colours = np.asarray(noise(61, 47))[..., ::-1]
    for alpha in (np.zeros(61), np.arange(61)):
        pixels = np.dstack([colours, np.tile(alpha, (47, 1))]).astype(np.uint8)
        image = decode(bmp(pixels, 32, header, (0xFF0000, 0xFF00, 0xFF, 0xFF000000))).image
        assert image.mode == ("RGBA" if alpha.any() else "RGB")
        assert np.array_equal(np.asarray(image.convert("RGB")), colours[..., ::-1])


CASES = SHARED / "cases"


@pytest.mark.parametrize(
    "path", [p for p in sorted(CASES.glob("*.*")) if p.suffix != ".md"], ids=lambda p: p.name
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_pictures_that_others_got_wrong(path: Path) -> None:
    """All of them show the sample of a cat, in colours or in grey, or say what they are."""
    cat = Image.open(SAMPLES / "cat.jpg").convert("RGB")
    if path.name == "o6_xmp.jpg":  # lies on its side, and nothing but XMP says so
        cat = cat.transpose(Image.Transpose.ROTATE_90)
    try:
        pixels = network_input(*decode(path.read_bytes()))
    except ClientError as error:
        assert error.status == 415
        assert path.name.startswith("tif_")
        return
    grey = np.ptp(pixels, axis=-1).max() == 0
    expected = network_input(cat.convert("L") if grey else cat)
    assert np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.98
    assert abs(pixels.mean() - expected.mean()) < 2


TOO_LITTLE = """
import resource, sys
from pathlib import Path
from handler.decoding import decode
data = Path(sys.argv[1]).read_bytes()
decode(Path(sys.argv[2]).read_bytes())
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), -1))
try:
    decode(data)
except MemoryError:
    print("out of memory")
"""


@pytest.mark.parametrize("format", ["PNG", "BMP"])
def test_too_little_memory_is_no_damage(format: str, tmp_path: Path) -> None:
    """Whose picture it is has nothing to do with it: the worker is replaced."""
    for name, side in (("large", 6000), ("small", 6)):
        (tmp_path / name).write_bytes(saved(Image.new("RGB", (side, side)), format))
    command = [sys.executable, "-c", TOO_LITTLE, tmp_path / "large", tmp_path / "small"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "out of memory\n", done.stderr
