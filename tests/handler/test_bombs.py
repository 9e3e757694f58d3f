"""Small files that ask for much: what each costs a worker, measured in a process of its own."""

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scripts import ROOT
from scripts.serving.torchserve import WORKER_MEMORY, tunables
from tests.handler.pictures import chunk, png_header, saved
from tests.handler.tiff_bombs import (
    TIFF_PICTURE,
    number,
    tiff,
    tiff_nested,
    tiff_thumbnails,
    tiff_tile,
)

LIMIT = 5_000_000  # bytes, of a body
pytestmark = pytest.mark.undisturbed

MEGABYTE = 1 << 20


def solid(width: int, height: int, mode: str, format: str, **options: Any) -> bytes:
    return saved(Image.new(mode, (width, height)), format, **options)


def png(*chunks: bytes) -> bytes:
    """A grey picture of one pixel with these chunks before its pixels."""
    plain = saved(Image.new("L", (1, 1)), "PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


def filled(piece: bytes, size: int = LIMIT - 1000) -> bytes:
    return piece * (size // len(piece))


def jpeg(width: int, height: int) -> bytes:
    """A small picture whose header claims to be of this size."""
    data = bytearray(solid(16, 16, "RGB", "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_with(segment: bytes, marker: int) -> bytes:
    """A small picture, and before its pixels as many of these segments as fit."""
    plain = solid(16, 16, "RGB", "JPEG")
    piece = bytes((0xFF, marker)) + struct.pack(">H", len(segment) + 2) + segment
    return plain[:2] + filled(piece) + plain[2:]


def jpeg_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive picture that goes over all of its blocks again in every scan."""
    data = saved(Image.new("L", (width, height), 128), "JPEG", progressive=True)
    # Its last scan refines the lowest bit of the high frequencies; repeated, it stays valid.
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    count = min(scans, (LIMIT - last) // len(scan))
    return data[:last] + scan * count + b"\xff\xd9"


def behind_restart(data: bytes) -> bytes:
    """A restart marker has no length: who takes what follows for one goes on in the wrong place.

    There the file, 65,472 bytes after the marker that follows, says that it has one scan.
    """
    lie = b"\xff\xfe" + (0xFFC0).to_bytes(2) + b"\0" * 0xFFBE
    plain = saved(Image.new("L", (8, 8)), "JPEG")[2:-2]
    comment = b"\xff\xfe" + (2 + len(plain)).to_bytes(2) + plain
    return data[:2] + b"\xff\xd0" + lie + comment + data[2:]


def gif_frames() -> bytes:
    plain = solid(8, 8, "P", "GIF")
    start = plain.index(b",")
    return plain[:-1] + filled(plain[start:-1]) + b";"


def gif_comments(blocks: int) -> bytes:
    """Comments of this many blocks each before the first frame."""
    plain = solid(8, 8, "P", "GIF")
    start = plain.index(b",")
    comment = b"!\xfe" + (b"\xff" + b"c" * 255) * blocks + b"\0"
    return plain[:start] + filled(comment) + plain[start:]


ZEROS = zlib.compress(bytes(64 * MEGABYTE), 9)  # 65 kB

REFUSED: dict[str, Callable[[], bytes]] = {
    "PNG of 20,000 x 20,000": lambda: solid(20_000, 20_000, "1", "PNG"),
    "PNG header of 2^31 x 2^31": lambda: png_header(2**31 - 1, 2**31 - 1),
    "JPEG header of 65,500 x 65,500": lambda: jpeg(65_500, 65_500),
    "GIF header of 65,535 x 65,535": lambda: b"GIF89a" + b"\xff" * 4 + solid(8, 8, "P", "GIF")[10:],
    "WebP of 16,383 x 16,383": lambda: solid(
        16_383, 16_383, "RGB", "WEBP", lossless=True, method=0
    ),
    "TIFF header of 2^31 x 2^31": lambda: tiff(
        [(256, 4, 1, number(2**31)), (257, 4, 1, number(2**31)), *TIFF_PICTURE[2:]]
    ),
    "TIFF of 65,535 tags": lambda: tiff([(i, 4, 1, number(1)) for i in range(65_535)]),
    "TIFF directory that follows itself": lambda: tiff(TIFF_PICTURE[:2], 8),
    "TIFF tile of 40,000 x 40,000": lambda: tiff_tile(40_000) + ZEROS,
    "JPEG of very many scans": lambda: jpeg_scans(7_000, 7_000, 10_000),
    "JPEG of very many scans behind a restart": lambda: behind_restart(
        jpeg_scans(7_000, 7_000, 10_000)
    ),
}

EITHER: dict[str, Callable[[], bytes]] = {
    "TIFF tag of 4 thousand million values": lambda: tiff(
        [*TIFF_PICTURE, (300, 4, 2**32 - 1, number(8))]
    ),
    "JPEG of 5 MB of fill bytes": lambda: b"\xff\xd8" + filled(b"\xff") + jpeg(8, 8)[2:],
    "GIF of 5 MB of nothing": lambda: gif_comments(1)[:13] + filled(b"\0"),
    "GIF of 2 million empty extensions": lambda: gif_comments(1)[:13] + filled(b"!\xfe\0"),
    "BMP with a header of 5 MB": lambda: (
        b"BM" + bytes(8) + number(LIMIT) + number(40) + bytes(LIMIT - 20)
    ),
    "TIFF of 4,000 colour maps": lambda: (
        tiff([*TIFF_PICTURE, *[(320, 3, 3 << 16, number(8))] * 4_000]) + bytes(400_000)
    ),
    "TIFF of 16 thumbnails with colour maps": lambda: tiff_thumbnails(16),
    "TIFF of 100,000 nested directories": lambda: tiff_nested(100_000),
    "PNG text that unpacks to 64 MB, 70 times": lambda: png(
        filled(chunk(b"zTXt", b"a\0\0" + ZEROS))
    ),
    "PNG text of 5 MB": lambda: png(chunk(b"tEXt", b"a\0" + filled(b"x"))),
    "PNG of 400,000 empty chunks": lambda: png(filled(chunk(b"teXt", b""))),
    "PNG ICC profile that unpacks to 64 MB": lambda: png(chunk(b"iCCP", b"a\0\0" + ZEROS)),
    "PNG EXIF of 5 MB": lambda: png(chunk(b"eXIf", filled(b"MM\0*\0\0\0\x08"))),
    "JPEG of 76 EXIF segments": lambda: jpeg_with(b"Exif\0\0" + bytes(65_000), 0xE1),
    "JPEG of 76 ICC segments": lambda: jpeg_with(b"ICC_PROFILE\0\1\1" + bytes(65_000), 0xE2),
    "JPEG of 700,000 comments": lambda: jpeg_with(b"abc", 0xFE),
    "GIF of 100,000 frames": gif_frames,
    "GIF comment of 5 MB": lambda: gif_comments(19_000),
    "GIF of 20,000 comments": lambda: gif_comments(1),
}


def phone_jpeg() -> bytes:
    """48 megapixels within the limit: 8,000 x 6,000, from a photograph."""
    photograph = Image.open(ROOT / "web_client" / "samples" / "cat.jpg")
    return saved(photograph.resize((8_000, 6_000)), "JPEG", quality=85)


def gradient(mode: str, width: int = 7_071, height: int = 7_071) -> Image.Image:
    ramp = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    return Image.fromarray(ramp).convert(mode)


ACCEPTED: dict[str, Callable[[], bytes]] = {
    "JPEG of a phone, 48 megapixels": phone_jpeg,
    "progressive JPEG": lambda: saved(gradient("L"), "JPEG", progressive=True, quality=30),
    "RGBA PNG": lambda: saved(gradient("RGBA"), "PNG", compress_level=1),
    "grey PNG with alpha": lambda: saved(gradient("LA"), "PNG", compress_level=1),
    "palette PNG with transparency": lambda: saved(gradient("P"), "PNG", transparency=3),
    "16-bit PNG": lambda: solid(7_071, 7_071, "I;16", "PNG"),
    "float TIFF": lambda: solid(7_071, 7_071, "F", "TIFF", compression="tiff_adobe_deflate"),
    "CMYK TIFF": lambda: solid(7_071, 7_071, "CMYK", "TIFF", compression="tiff_adobe_deflate"),
    "LZW TIFF": lambda: solid(7_071, 7_071, "RGB", "TIFF", compression="tiff_lzw"),
    "GIF": lambda: solid(7_071, 7_071, "P", "GIF"),
    "WebP with alpha": lambda: solid(7_071, 7_071, "RGBA", "WEBP", lossless=True, method=0),
    "AVIF": lambda: solid(7_071, 7_071, "RGBA", "AVIF", speed=10),
}

# Reads a file's name a line; answers with what came of it, seconds of CPU and peak memory beyond
# what it had (MB; VmHWM is set back by writing 5, proc(5)).
MEASURE = """
import json, sys, time
from pathlib import Path
from handler.errors import ClientError
from concurrent.futures import ThreadPoolExecutor
from handler.preprocessing import Preprocessor

load = Preprocessor(exact=True)

def status(name):
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name))
    return int(line.split()[1]) / 1024

load(Path("web_client/samples/cat.jpg").read_bytes())
pool = ThreadPoolExecutor()
for line in sys.stdin:
    times, path = line.split()
    data = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before, started = status("VmRSS"), time.process_time()
    try:
        list(pool.map(load, [data] * int(times)))
        outcome = "accepted"
    except ClientError as error:
        outcome = error.type
    seconds = time.process_time() - started
    print(json.dumps([outcome, seconds, status("VmHWM") - before]), flush=True)
"""

Measure = Callable[..., tuple[str, float, float]]


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measure]:
    path = tmp_path_factory.mktemp("bombs") / "picture"
    command = [sys.executable, "-c", MEASURE]
    pipe = subprocess.PIPE
    environment = {**os.environ, "GLIBC_TUNABLES": tunables(WORKER_MEMORY)}  # a worker's
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True
    ) as process:

        def measured(data: bytes, times: int = 1) -> tuple[str, float, float]:
            """Outcome, seconds and MB of a file, this many times at once."""
            assert process.stdin and process.stdout
            path.write_bytes(data)
            process.stdin.write(f"{times} {path}\n")
            process.stdin.flush()
            outcome, seconds, memory = json.loads(process.stdout.readline())
            print(f"{len(data):,} bytes: {outcome}, {seconds * 1e3:.0f} ms, {memory:.0f} MB")
            return outcome, seconds, memory

        yield measured
        assert process.stdin
        process.stdin.close()


SLOW_TO_MAKE = {"WebP of 16,383 x 16,383"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW_TO_MAKE else ())
        for name in [*REFUSED, *EITHER]
    ],
)
def test_it_costs_little(measure: Measure, name: str) -> None:
    data = (REFUSED | EITHER)[name]()
    assert len(data) <= LIMIT
    outcome, seconds, memory = measure(data)
    # Readers differ on whether some of these files are pictures.
    assert outcome != "accepted" or name in EITHER
    assert seconds < 0.5
    assert memory < 300


@pytest.mark.slow
@pytest.mark.parametrize("name", ACCEPTED)
def test_the_largest_that_are_accepted(measure: Measure, name: str) -> None:
    data = ACCEPTED[name]()
    assert len(data) <= LIMIT
    outcome, seconds, memory = measure(data)
    assert outcome == "accepted"
    assert seconds < 5  # half of the time after which a worker is replaced
    assert memory < 1000


@pytest.mark.slow
def test_of_the_largest_one_is_decoded_at_a_time(measure: Measure) -> None:
    picture = ACCEPTED["WebP with alpha"]()
    _, _, alone = measure(picture)
    outcome, _, memory = measure(picture, times=4)
    assert outcome == "accepted"
    assert memory < alone + 100
