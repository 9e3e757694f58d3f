import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cykooz_resizer import CpuExtensions, Resizer
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

import handler.picture as picture_module
from handler.errors import ClientError, CorruptPicture, PictureTooLarge, UnsupportedFormat
from handler.picture import MAX_PIXELS, Pixels, crop_box, decode, network_input, picture_format
from scripts.packaging.reference import WEIGHTS, torchvision
from tests.conftest import SAMPLES

F = torchvision.transforms.functional
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {},
}
FORMATS = [*LOSSLESS, "JPEG", "GIF", "AVIF"]
# Of 1 x 10,000 pixels torchvision makes 256 x 2,560,000: 2.6 GB.
SIZES = [(1, 1), (1, 1000), (3, 5), (224, 224), (256, 256), (257, 333), (1000, 301), (255, 500)]
BOTH_WAYS = sorted({size for width, height in SIZES for size in [(width, height), (height, width)]})


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 10007 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def gradient(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return Image.fromarray((np.stack([x, y, (x + y) / 2], -1) * 255).round().astype(np.uint8))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def through(image: Image.Image, format: str, **options: Any) -> Pixels:
    return network_input(*decode(saved(image, format, **options)))


def torchvision_input(image: Image.Image) -> Pixels:
    """What `WEIGHTS.transforms()` does before it scales and normalises."""
    bilinear = WEIGHTS.transforms().interpolation
    resized = F.resize(image.convert("RGB"), [256], bilinear, antialias=True)
    return np.asarray(F.center_crop(resized, [224]))


def assert_within_one_level(ours: Pixels, theirs: Pixels) -> None:
    assert ours.shape == (224, 224, 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_header(width: int, height: int) -> bytes:
    """A PNG whose pixels are absent, so that decoding it must fail."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", b"")


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


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_read(format: str) -> None:
    image = gradient(301, 260)
    data = saved(image, format, **LOSSLESS.get(format, {}))
    pixels = network_input(*decode(data))
    assert picture_format(data) == format
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
    exif[0x0112] = orientation
    plain = np.asarray(decode(saved(noise(47, 61), format)).image)
    turned = np.asarray(decode(saved(noise(47, 61), format, exif=exif)).image)
    assert np.array_equal(turned, ORIENTATIONS[orientation](plain))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "TIFF", "AVIF", "MPO"])
def test_the_first_frame_counts(format: str) -> None:
    red, blue = Image.new("RGB", (60, 60), "red"), Image.new("RGB", (60, 60), "blue")
    pixels = through(red, format, save_all=True, append_images=[blue])
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize(("mode", "format"), [("L", "PNG"), ("1", "PNG"), ("CMYK", "TIFF")])
def test_modes_without_alpha_become_rgb(mode: str, format: str) -> None:
    image = noise(240, 230).convert(mode)
    assert np.array_equal(through(image, format), network_input(image.convert("RGB")))


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    pixels = through(Image.new("RGB", (64, 64), (200, 100, 50)).convert("CMYK"), "JPEG")
    assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 4


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (100, 0, 200, 51), (224, 204, 244)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (100, 51), (224, 224, 224)),
    ],
)
def test_alpha_over_white(mode: str, colour: tuple[int, ...], seen: tuple[int, ...]) -> None:
    pixels = through(Image.new(mode, (30, 30), colour), "PNG")
    assert np.abs(pixels.astype(int) - seen).max() <= 1


@pytest.mark.parametrize(
    ("format", "transparency", "seen"),
    [("PNG", 0, 255), ("PNG", 1, 0), ("PNG", b"\x33", 204), ("GIF", 0, 255), ("GIF", 1, 0)],
)
def test_palette_over_white(format: str, transparency: int | bytes, seen: int) -> None:
    image = Image.new("P", (30, 30), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    # A used second colour: Pillow drops unused ones, and with them the transparency.
    image.putpixel((29, 29), 1)
    assert through(image, format, transparency=transparency)[0, 0].tolist() == [seen] * 3


LEVELS = np.tile(np.arange(256, dtype=np.uint8), (256, 1))


@pytest.mark.parametrize(
    ("values", "format"),
    [
        (LEVELS.astype(np.uint16) * 257, "PNG"),
        (LEVELS.astype(np.uint16) * 257, "TIFF"),
        (LEVELS.astype(np.int32) * 257, "TIFF"),
        ((LEVELS / 255).astype(np.float32), "TIFF"),
        (LEVELS.astype(np.float32), "TIFF"),
    ],
    ids=["I;16 PNG", "I;16 TIFF", "I", "F to 1", "F to 255"],
)
def test_deep_pictures_scale_to_eight_bits(values: NDArray[Any], format: str) -> None:
    expected = network_input(Image.fromarray(LEVELS))
    assert np.array_equal(through(Image.fromarray(values), format), expected)


@pytest.mark.parametrize(("value", "seen"), [(np.nan, 0), (-np.inf, 0), (np.inf, 255), (1e9, 255)])
def test_floats_beyond_any_picture(value: float, seen: int) -> None:
    pixels = through(Image.fromarray(np.full((9, 9), value, np.float32)), "TIFF")
    assert np.unique(pixels).tolist() == [seen]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_a_truncated_picture_is_corrupt(format: str, kept: float) -> None:
    data = saved(noise(61, 47), format)
    with pytest.raises(CorruptPicture, match=format) as caught:
        decode(data[: int(len(data) * kept)])
    assert (caught.value.status, caught.value.type) == (422, "corrupt_picture")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
        # Beyond the file-type box's own length a brand is none.
        b"\0\0\0\x10ftypheic\0\0\0\0avif" + bytes(40),
        b"RIFF\0\0\0\0WAVE" + bytes(40),
    ],
    ids=["nothing", "text", "SVG", "PDF", "HEIC", "HEIC then avif", "WAVE"],
)
def test_what_is_no_picture_is_unsupported(data: bytes) -> None:
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


@pytest.fixture(scope="module")
def mosaic() -> Image.Image:
    """Photographs side by side: 4,200 x 3,150 pixels as sharp as a camera's."""
    canvas = Image.new("RGB", (4200, 3150))
    samples = [Image.open(path).resize((600, 450)) for path in sorted(SAMPLES.glob("*.jpg"))]
    for i in range(49):
        canvas.paste(samples[(i * 5 + i // 7) % len(samples)], (i % 7 * 600, i // 7 * 450))
    return canvas


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("size", "reduction"),
    [((1023, 1600), 1), ((1024, 1600), 2), ((4093, 2049), 4), ((4200, 3150), 4)],
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


@pytest.mark.parametrize("size", BOTH_WAYS, ids=str)
@pytest.mark.parametrize("make", [noise, gradient])
def test_simd_resize_is_nearly_exact(
    make: Callable[[int, int], Image.Image], size: tuple[int, int]
) -> None:
    exact = network_input(make(*size))
    fast = network_input(make(*size), exact=False)
    assert_within_one_level(fast, exact)
    assert (fast != exact).mean() < 0.05


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_simd_resize_is_the_same_on_every_processor(
    mosaic: Image.Image, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = mosaic.convert(mode)
    usual = network_input(image, exact=False)

    class Plain(Resizer):
        def __init__(self) -> None:
            super().__init__()
            self.cpu_extensions = CpuExtensions.none

    monkeypatch.setattr(picture_module, "Resizer", Plain)
    assert np.array_equal(network_input(image, exact=False), usual)
