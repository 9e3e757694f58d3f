"""Pictures to test with, and how near two must be."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.decoding import decode
from handler.resizing import Pixels, network_input

LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {},
}
FORMATS = [*LOSSLESS, "JPEG", "GIF", "AVIF"]

Planes = NDArray[np.float64]  # [height, width, channels], 0 to 255


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 10007 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def noisy_planes(*shape: int, depth: type = np.uint8) -> NDArray[np.unsignedinteger]:
    return np.random.default_rng(7).integers(0, np.iinfo(depth).max + 1, shape).astype(depth)


def gradient(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return Image.fromarray((np.stack([x, y, (x + y) / 2], -1) * 255).round().astype(np.uint8))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def through(image: Image.Image, format: str, **options: Any) -> Pixels:
    """What the network sees of the image, saved and read again."""
    return network_input(*decode(saved(image, format, **options)))


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_header(width: int, height: int) -> bytes:
    """A PNG whose pixels are absent, so that decoding it must fail."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", b"")


def png(samples: NDArray[np.unsignedinteger], colour_type: int, transparency: bytes = b"") -> bytes:
    """Pillow writes no 16-bit colours. samples: [height, width, channels]."""
    height, width, _ = samples.shape
    bits = samples.itemsize * 8
    rows = samples.astype(samples.dtype.newbyteorder(">"))
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
        + (chunk(b"tRNS", transparency) if transparency else b"")
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def bmp(pixels: NDArray[Any], bits: int, header: int = 40, masks: tuple[int, ...] = ()) -> bytes:
    """The lowest row first. pixels: [height, width, ...], a row's bytes; masks: of BITFIELDS."""
    height, width = pixels.shape[:2]
    rows = b"".join(row.tobytes() + bytes(-row.nbytes % 4) for row in pixels[::-1])
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        compression = 3 if masks else 0
        head = struct.pack("<IiiHHII16x", header, width, height, 1, bits, compression, len(rows))
        head = (head + struct.pack(f"<{len(masks)}I", *masks)).ljust(header, b"\0")
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + rows


def rgb(planes: Planes) -> Pixels:
    """What the network would see of a picture with these colours."""
    return network_input(Image.fromarray(planes.round().clip(0, 255).astype(np.uint8)))


def over_white(colours: Planes, alpha: Planes) -> Planes:
    return (colours * alpha + 255 * (255 - alpha)) / 255


def assert_close(actual: Pixels, expected: Pixels, levels: int) -> None:
    assert np.ptp(expected) > 30  # there is something to see
    assert np.abs(actual.astype(int) - expected).max() <= levels


def assert_within_one_level(actual: Pixels, expected: Pixels) -> None:
    assert actual.shape == (224, 224, 3)
    assert actual.dtype == np.uint8
    assert np.abs(actual.astype(int) - expected).max() <= 1


def awkward(picture: Image.Image) -> dict[str, bytes]:
    """As files that other tools get wrong. picture: RGB."""
    turned = Image.Exif()
    turned[0x0112] = 6
    files = {format: saved(picture, format) for format in FORMATS}
    files["turned"] = saved(picture, "JPEG", exif=turned)
    files["four inks"] = saved(picture.convert("CMYK"), "JPEG")
    files["transparent"] = saved(picture.convert("RGBA"), "PNG")
    files["deep"] = png(noisy_planes(300, 400, 3, depth=np.uint16), 2)
    files["tall"] = saved(picture.resize((60, 900)), "PNG")
    files["tiny"] = saved(picture.resize((1, 1)), "PNG")
    return files
