"""Every kind that browsers show, compared with Chromium's pixels. It reads no TIFF."""

import base64
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

from handler.colours import eight_bit
from handler.decoding import decode
from scripts import SAMPLES
from tests.handler.pictures import bmp, chunk, noisy_planes, png, saved
from tests.handler.test_orientation import MAKERS, TURNED, UPRIGHT

SHOW = """async ([text, type]) => {
  const image = new Image();
  image.src = `data:${type};base64,${text}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, btoa(String.fromCharCode(...data))];
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page()


def in_chromium(page: Page, data: bytes, format: str) -> NDArray[np.int64]:
    sent = base64.b64encode(data).decode()
    width, values = page.evaluate(SHOW, [sent, f"image/{format}"])
    shown = np.frombuffer(base64.b64decode(values), np.uint8)
    return shown.reshape(-1, width, 4)[..., :3].astype(np.int64)


CAT = Image.open(SAMPLES / "cat.jpg").convert("RGB").resize((60, 40))
TURNED_CAT = CAT.transpose(Image.Transpose.ROTATE_90).resize(CAT.size)
PIXELS = np.asarray(CAT)
SHADED = CAT.copy()
SHADED.putalpha(Image.linear_gradient("L").resize(CAT.size))
FRAMES = {"save_all": True, "append_images": [TURNED_CAT]}


def png_with(*chunks: bytes) -> bytes:
    plain = saved(CAT, "PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def deep_with_a_transparent_colour(channels: int) -> bytes:
    samples = noisy_planes(40, 60, channels, depth=np.uint16)
    samples[:20] = samples[0, 0]
    return png(samples, {1: 0, 3: 2}[channels], samples[0, 0].astype(">u2").tobytes())


def with_late_exif() -> bytes:
    plain = saved(CAT, "PNG")
    return plain[:-12] + chunk(b"eXIf", TURNED["little-endian"]) + plain[-12:]


PNGS: dict[str, bytes] = {
    "EXIF behind the pixels": with_late_exif(),
    **{f"mode {mode}": saved(CAT.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB")},
    **{f"palette of {n}": saved(CAT.quantize(n), "PNG", transparency=1) for n in (2, 4, 16, 256)},
    **{f"16-bit of {n}": deep_with_a_transparent_colour(n) for n in (1, 3)},
    **{f"gamma {value}": png_with(gamma(value)) for value in (22727, 45455, 55556, 100000)},
    "RGBA": saved(SHADED, "PNG"),
    "sRGB before gamma": png_with(chunk(b"sRGB", b"\0"), gamma(100000)),
    "broken profile": saved(CAT, "PNG", icc_profile=b"x" * 300),
    "animated": saved(CAT, "PNG", **FRAMES),
    "animated, with a picture for others": saved(CAT, "PNG", default_image=True, **FRAMES),
}


def few_bits(red: int, green: int, blue: int) -> NDArray[np.uint16]:
    r, g, b = np.moveaxis(PIXELS.astype(np.uint16), -1, 0)
    return (r >> 8 - red << green + blue) | (g >> 8 - green << blue) | b >> 8 - blue


BGR = PIXELS[..., ::-1]
BGRA = np.asarray(SHADED)[..., [2, 1, 0, 3]]
RGB_MASKS = (0xFF0000, 0xFF00, 0xFF)
BMPS: dict[str, bytes] = {
    **{f"mode {mode}": saved(CAT.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB")},
    **{f"header of {n}": bmp(BGR, 24, n) for n in (12, 40, 52, 56, 64, 108, 124)},
    "32 bits": bmp(BGRA, 32),
    "32 bits with masks": bmp(BGRA, 32, masks=RGB_MASKS),
    "32 bits with alpha": bmp(BGRA, 32, 124, (*RGB_MASKS, 0xFF000000)),
    "555": bmp(few_bits(5, 5, 5), 16),
    "555 with masks": bmp(few_bits(5, 5, 5), 16, masks=(0x7C00, 0x3E0, 0x1F)),
    "565": bmp(few_bits(5, 6, 5), 16, masks=(0xF800, 0x7E0, 0x1F)),
}


def adobe(image: Image.Image, **options: Any) -> bytes:
    return saved(image, "JPEG", quality=95, **options)


JPEGS: dict[str, bytes] = {
    **{f"mode {mode}": adobe(CAT.convert(mode)) for mode in ("L", "RGB", "CMYK")},
    **{f"subsampling {n}": adobe(CAT, subsampling=n) for n in (0, 1, 2)},
    "progressive": adobe(CAT, progressive=True),
    "stored as RGB": adobe(CAT, keep_rgb=True),
    "two pictures": saved(CAT, "MPO", **FRAMES),
    "broken profile": adobe(CAT, icc_profile=b"x" * 300),
}


def gif(place: tuple[int, int], transparent: bool) -> bytes:
    """Red, green and black in 20 x 20, on a canvas of 60 x 40 whose background is red."""
    frame = Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20) % 3)
    frame.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 0])
    alone = saved(frame, "GIF")
    start = alone.index(b",", 13 + 3 * (2 << (alone[10] & 7)))  # behind the palette
    control = b"!\xf9\4" + bytes([transparent, 0, 0, 1, 0])
    canvas = alone[:6] + struct.pack("<HH", 60, 40) + alone[10:start]
    return canvas + control + b"," + struct.pack("<HH", *place) + alone[start + 5 :]


GIFS: dict[str, bytes] = {
    "interlaced": saved(CAT.quantize(64), "GIF", interlace=1),
    "plain": saved(CAT.quantize(64), "GIF", interlace=0),
    "transparent": saved(CAT.quantize(64), "GIF", transparency=3),
    "animated": saved(CAT, "GIF", **FRAMES),
    **{
        f"frame at {place}, transparent {transparent}": gif(place, transparent)
        for place in [(0, 0), (10, 10), (50, 30)]
        for transparent in (False, True)
    },
}
WEBPS: dict[str, bytes] = {
    "lossy": saved(CAT, "WEBP"),
    "lossless": saved(CAT, "WEBP", lossless=True),
    "lossy with alpha": saved(SHADED, "WEBP"),
    "lossless with alpha": saved(SHADED, "WEBP", lossless=True, exact=True),
    "animated": saved(CAT, "WEBP", lossless=True, **FRAMES),
    "broken profile": saved(CAT, "WEBP", icc_profile=b"x" * 300),
}
TURN = Image.Exif()
TURN[274] = 6
AVIFS: dict[str, bytes] = {
    **{n: saved(CAT, "AVIF", subsampling=n) for n in ("4:0:0", "4:2:0", "4:2:2", "4:4:4")},
    "limited range": saved(CAT, "AVIF", range="limited"),
    "turned": saved(CAT, "AVIF", exif=TURN),
    # Chromium's own colours are up to 9 levels from the source here; avifdec's are ours.
    "with alpha": saved(SHADED, "AVIF"),
    "with premultiplied alpha": saved(SHADED, "AVIF", alpha_premultiplied=True),
}
ALL = {"png": PNGS, "bmp": BMPS, "jpeg": JPEGS, "gif": GIFS, "webp": WEBPS, "avif": AVIFS}


@pytest.mark.parametrize(
    ("format", "name"), [(format, name) for format, kinds in ALL.items() for name in kinds]
)
def test_the_same_pixels(page: Page, format: str, name: str) -> None:
    data = ALL[format][name]
    ours = np.asarray(eight_bit(decode(data).image).convert("RGB")).astype(int)
    theirs = in_chromium(page, data, format)
    assert ours.shape == theirs.shape
    levels = 10 if format == "avif" and "alpha" in name else 0.6
    assert np.abs(ours - theirs).mean() < levels


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", [*UPRIGHT, *TURNED])
def test_the_same_way_up(page: Page, format: str, name: str) -> None:
    """Of WebP Chromium reads no orientation; other viewers do."""
    data = MAKERS[format]((UPRIGHT | TURNED)[name])
    assert decode(data).image.size[::-1] == in_chromium(page, data, format.lower()).shape[:2]
