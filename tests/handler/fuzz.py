"""Mutate request bodies and look for what the handler's parser and decoders do not survive.

`python -m tests.handler.fuzz --inputs 200000` runs in one process per core, each with a seed of its
own, and prints what came of the inputs. Anything but a picture or a ClientError is a finding, and
so are the death of a process and an input that takes longer than SLOW: the input is saved, and the
exit status is 1. The decoders are C libraries without instrumentation, so coverage can't guide it:
there is a seed of every format and body form, and the mutations know lengths and dimensions.
"""

import argparse
import base64
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from tqdm import tqdm

from handler.errors import ClientError
from handler.payload import Payload
from handler.preprocessing import Preprocessor
from handler.request import Prepared, Request, prepare, read
from scripts import ROOT
from tests.handler.pictures import bmp
from tests.handler.tiffs import big_tiff, tiff

SLOW = 2.0  # seconds of CPU
FORM = "multipart/form-data; boundary=x"
Input = tuple[bytes, str, str]  # body, content type, top_k
preprocess = Preprocessor(exact=False)


def seeds() -> list[Input]:
    """Small pictures of every format and mode, each body form, and top_k."""
    ramp = Image.linear_gradient("L").resize((40, 30))
    colour = Image.merge("RGB", (ramp, ramp.rotate(180), ramp))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [colour.rotate(90)]}
    options: list[tuple[Image.Image, str, dict[str, object]]] = [
        (colour, "JPEG", {"exif": exif}),
        (colour, "JPEG", {"progressive": True, "comment": b"comment", "icc_profile": bytes(200)}),
        (colour.resize((1200, 1100)), "JPEG", {"quality": 10}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour, "MPO", frames),
        (colour, "PNG", {"exif": exif}),
        (colour.convert("RGBA"), "PNG", frames),
        (colour.convert("P"), "PNG", {"transparency": 0}),
        (colour.convert("1"), "PNG", {}),
        (ramp.convert("I;16"), "PNG", {}),
        (colour, "WEBP", frames),
        (colour.convert("RGBA"), "WEBP", {"lossless": True, "exif": exif}),
        (colour, "GIF", frames),
        (colour, "BMP", {}),
        (colour.convert("P"), "BMP", {}),
        (colour, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "TIFF", {"compression": "jpeg"}),
        (colour.convert("CMYK"), "TIFF", {"compression": "packbits"}),
        (ramp.convert("F"), "TIFF", {"compression": "tiff_adobe_deflate"}),
        (ramp.convert("1"), "TIFF", {"compression": "group4"}),
        (colour, "AVIF", frames),
    ]
    pictures = rare()
    for image, format, how in options:
        file = io.BytesIO()
        image.save(file, format, **how)  # type: ignore[arg-type]
        pictures.append(file.getvalue())
    found: list[Input] = [(picture, "image/jpeg", "") for picture in pictures]
    for picture in pictures[::5]:
        text = base64.b64encode(picture).decode()
        found.append((json.dumps({"data": text}).encode(), "application/json", "5"))
        uri = json.dumps({"top_k": 1000, "data": f"data:image/png;base64,{text}"})
        found.append((uri.encode(), "", "1000"))
        head = b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n'
        found.append((head + picture + b"\r\n--x--\r\n", FORM, ""))
        fields = urlencode({"top_k": 5, "data": text})
        found.append((fields.encode(), "application/x-www-form-urlencoded", ""))
        found.append((text.encode(), "text/plain", ""))
    return found


def rare() -> list[bytes]:
    """Pictures of kinds that Pillow does not write."""
    colour = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    ramp = colour.convert("L")
    deep = np.asarray(ramp)[..., None].astype(np.uint32) << 24
    return [
        tiff(deep, order=">", tile=16, deflated=True),
        tiff(deep.astype(np.int32).repeat(2, 0), 0, more={274: (6,)}),
        tiff((deep >> 16).astype(np.uint16).repeat(2, -1), more={338: (2,)}),
        tiff(np.asarray(colour), 2, planar=True, more={254: (1,)}),
        tiff(np.asarray(ramp)[..., None] >> 4, 3, bits=4, more={320: tuple(range(0, 65536, 1366))}),
        big_tiff(np.asarray(colour), ">"),
        bmp(np.asarray(colour.convert("RGBA")), 32, 124, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ]


def mutated(source: random.Random, known: list[Input]) -> Input:
    body, content_type, top_k = source.choice(known)
    data = bytearray(body)
    for _ in range(source.choice((1, 1, 1, 2, 3, 8, 30))):
        at = source.randrange(len(data) + 1)
        if source.random() < 0.5:  # headers say more than pixels
            at = min(at, source.randrange(200))
        length = source.choice((1, 1, 2, 4, 16, 300))
        match source.randrange(8):
            case 0:
                data[at : at + 1] = bytes((source.randrange(256),))
            case 1:
                if at < len(data):
                    data[at] ^= 1 << source.randrange(8)
            case 2:  # what lengths and dimensions are compared with
                number = source.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
                form = source.choice(("<I", ">I", "<H", ">H"))
                packed = struct.pack(form, number & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
                data[at : at + len(packed)] = packed
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                data[at:at] = source.randbytes(length)
            case 6:  # a piece of another input
                other = source.choice(known)[0]
                start = source.randrange(len(other))
                data[at : at + length] = other[start : start + length]
            case 7:
                if source.random() < 0.2:
                    del data[at:]
    if source.random() < 0.1:
        content_type = source.choice(
            ("", FORM, "multipart/form-data", "application/json", "text/plain", content_type[:-1])
        )
    if source.random() < 0.05:
        top_k = source.choice(("0", "-1", "1e3", "\uff19", "99999999999", " 3", "3\0"))
    return bytes(data), content_type, top_k


def result_of(body: bytes, content_type: str, top_k: str) -> str:
    """What came of it, or a finding that begins with '!'."""
    started = time.process_time()
    try:
        headers = {"x-client-content-type": content_type} | ({"x-top-k": top_k} if top_k else {})
        request = Request(0, {"body": body}, headers)
        payload = read(request)
        if isinstance(payload, Payload):
            result: object = prepare(request, payload, preprocess, 3, 1000)
        else:
            result = payload
    except Exception as error:
        return f"!{type(error).__name__}: {error}"
    if time.process_time() - started > SLOW:
        return f"!took {time.process_time() - started:.1f} s"
    if isinstance(result, Prepared):
        return "classified"
    return result.type if isinstance(result, ClientError) else "!internal error"


def work(seed: int, inputs: int, directory: Path) -> None:
    """One process: a line of counts for every 500 inputs. The input at hand lies in a file."""
    source, known = random.Random(seed), seeds()
    at_hand = directory / f"at-hand-{seed}"
    counts: Counter[str] = Counter()
    for i in range(inputs):
        body, content_type, top_k = mutated(source, known)
        at_hand.write_bytes(body)
        found = result_of(body, content_type, top_k)
        if found.startswith("!"):
            (directory / f"finding-{seed}-{i}").write_bytes(body)
            found = f"{found} ({content_type}) finding-{seed}-{i}"
        counts[found] += 1
        if i % 500 == 499 or i == inputs - 1:
            print(json.dumps(counts), flush=True)
            counts.clear()
    at_hand.unlink(missing_ok=True)


def run(inputs: int, seed: int, directory: Path, processes: int) -> Counter[str]:
    """Counts of results; findings begin with '!'."""
    total: Counter[str] = Counter()
    inputs_each = -(-inputs // processes)
    command = [sys.executable, "-m", "tests.handler.fuzz", "--work", "--directory", str(directory)]
    workers = [
        subprocess.Popen(
            [*command, "--inputs", str(inputs_each), "--seed", str(seed + i)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what libraries say of damaged files
            text=True,
        )
        for i in range(processes)
    ]
    with tqdm(total=inputs_each * processes, unit="input", disable=not sys.stderr.isatty()) as bar:
        for counts in lines(workers):
            total.update(counts)
            bar.update(sum(counts.values()))
    for i, worker in enumerate(workers):
        if worker.wait() != 0:
            total[f"!process died with {worker.returncode}: at-hand-{seed + i}"] += 1
    return total


def lines(workers: list[subprocess.Popen[str]]) -> Iterator[dict[str, int]]:
    """What they print, in turn: they are equally fast."""
    running = [worker.stdout for worker in workers if worker.stdout]
    while running:
        for output in list(running):
            line = output.readline()
            if line:
                yield json.loads(line)
            else:
                running.remove(output)
                output.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--directory", type=Path, help="for findings (default: a new one in the temporary folder)"
    )
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    directory = options.directory or Path(tempfile.mkdtemp(prefix="fuzz-"))
    directory.mkdir(parents=True, exist_ok=True)
    if options.work:
        work(options.seed, options.inputs, directory)
        return 0
    started = time.monotonic()
    total = run(options.inputs, options.seed, directory, len(os.sched_getaffinity(0)))
    for found, count in total.most_common():
        print(f"{count:>9,}  {found}")
    findings = [found for found in total if found.startswith("!")]
    print(
        f"{sum(total.values()):,} inputs in {time.monotonic() - started:.0f} s, "
        f"{len(findings)} findings{f' in {directory}' if findings else ''}"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
