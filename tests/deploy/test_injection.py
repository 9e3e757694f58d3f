"""What clients send stays data: it makes no log line, no metric and no header."""

import base64
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from PIL import Image, PngImagePlugin

from scripts import SAMPLES
from tests.deploy.exchange import exchange, parsed
from tests.handler.pictures import chunk, png_header, saved
from tests.service import started

CAT = (SAMPLES / "cat.jpg").read_bytes()
MARK = "5f1c9e0b7a2d4836"  # found nowhere else
# TorchServe takes such lines of a worker's output for a metric (one that
# deploy/torchserve/metrics.yaml names) and for its process id.
METRIC = f"[METRICS]PredictionTime.ms:1|#ModelName:{MARK},Level:Model|#hostname:x,1795548000,x"
PID = f"[PID]:1{MARK}"
COOKIE = f"Set-Cookie: a={MARK}"
LINES = "\n".join(["", METRIC, PID, COOKIE, ""])

HEADERS = [
    "X-Top-K",
    "X-Query",
    "Content-Type",
    "X-Client-Content-Type",
    "User-Agent",
    "Referer",
    "X-Request-Id",
    "Traceparent",
    "Describe",
    "Explain",
    "Authorization",
    "Cookie",
    "Accept-Language",
    "X-Forwarded-For",
    "X-Model",
    "Expect",
]
VALUES = {
    "metric": METRIC.encode(),
    "pid": PID.encode(),
    "line separators": f"a\x85{METRIC}\u2028{PID}".encode(),
    "long": (MARK * 250).encode(),
}
NO_VALUES = {  # that no header can have
    "CR LF": f"a\r\n{METRIC}".encode(),
    "CR": f"a\r{METRIC}".encode(),
    "folded": f"a\r\n {METRIC}\r\n{PID}".encode(),
    "escape": f"\x1b[2J\x1b[31m{METRIC}".encode(),
    "NUL": f"a\0{METRIC}".encode(),
}
TARGETS = [
    "?top_k=%0d%0a" + COOKIE.replace(" ", "%20"),
    f"?top_k={METRIC}",
    f"?top_k=%0a{PID}%0a",
    f"?top_k=5%0d%0a%0d%0a{MARK}",
    f"?X-Top-K=1&body={METRIC}",
    f"?%0a{METRIC}=%0a{PID}",
    f"?\x1b[2J{METRIC}",
    f"?{MARK}{'&' * 300}",
    f"/%0a{PID}",
    f"/1.0%0d%0a{METRIC}",
    f"%0a{METRIC}",
    f"\x1b[2J{MARK}",
    f"%1b[2J{MARK}",
    f"/../%0a{METRIC}",
    f"/1.0/%0a{METRIC}",
    f"/1.0/%0a{METRIC}/..",
    f"/../../%0d%0a{COOKIE.replace(' ', '%20')}/..",
]


def form(file_name: str, field: str = "data", content: bytes = CAT) -> bytes:
    """A multipart body with the boundary `x`."""
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n'
    head += f"Content-Type: image/jpeg{METRIC}\r\n{METRIC}: {PID}\r\n\r\n"
    return head.encode() + content + b"\r\n--x--\r\n"


def with_comment(format: str, **options: object) -> bytes:
    return saved(Image.new("RGB", (64, 64), "red"), format, **options)


def with_exif(format: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x0131] = LINES  # ImageDescription, Software
    return with_comment(format, exif=exif)


def with_png_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text(METRIC[:79], LINES)
    text.add_itxt("Title", LINES, PID, METRIC)
    return with_comment("PNG", pnginfo=text)


def with_png_chunk(kind: bytes, data: bytes) -> bytes:
    png = with_comment("PNG")
    return png[:33] + chunk(kind, data) + png[33:]


TRANSFER = f"\r\nContent-Transfer-Encoding: base64\r\n{METRIC}: {PID}\r\n\r\n".encode()
JSON, FORM = b"application/json", b"multipart/form-data; boundary=x"
BODIES: dict[str, tuple[bytes, bytes]] = {
    "text": (b"", LINES.encode()),
    "bad JSON": (JSON, b"{" + LINES.encode()),
    "JSON keys": (JSON, json.dumps({METRIC: PID, "data": {LINES: LINES}}).encode()),
    "JSON text": (JSON, json.dumps({"data": LINES}).encode()),
    "JSON surrogate": (JSON, b'{"data": "\\ud800' + METRIC.encode() + b'"}'),
    "JSON number": (JSON, b'{"data": ' + b"9" * 5000 + METRIC.encode() + b"}"),
    "data URI": (JSON, json.dumps({"data": f"data:{LINES};base64,{LINES}"}).encode()),
    "base64": (JSON, json.dumps({"data": base64.b64encode(LINES.encode()).decode()}).encode()),
    "file name": (FORM, form(METRIC)),
    "file name of lines": (FORM, form(LINES)),
    "field": (FORM, form("x", METRIC)),
    "no end": (FORM, form(METRIC)[:-6]),
    "text in a form": (FORM, form("x", content=LINES.encode())),
    "urlencoded": (b"", urlencode({"data": LINES, METRIC: PID}).encode()),
    "address": (b"", f"https://{MARK}/\x1b[2J{METRIC}".encode()),
    "transfer encoding": (FORM, form("x").replace(b"\r\n\r\n", TRANSFER, 1)),
    "boundary": (
        f'multipart/form-data; boundary="{METRIC[:60]}"'.encode(),
        b"--" + METRIC.encode(),
    ),
    "bad boundary": (f"multipart/form-data; {METRIC}".encode(), LINES.encode()),
    "PNG text": (b"", with_png_text()),
    "PNG compressed text": (b"", with_png_chunk(b"zTXt", b"a\0\0" + zlib.compress(LINES.encode()))),
    "PNG bad text": (b"", with_png_chunk(b"zTXt", METRIC.encode() + b"\0\1" + LINES.encode())),
    "PNG chunk": (b"", with_png_chunk(b"[MET", LINES.encode())),
    "PNG critical chunk": (b"", with_png_chunk(b"\n[PI", LINES.encode())),
    "PNG profile": (b"", with_png_chunk(b"iCCP", METRIC.encode() + b"\0\0" + LINES.encode())),
    "PNG of text": (b"", png_header(9, 9) + LINES.encode()),
    "JPEG comment": (b"", with_comment("JPEG", comment=LINES)),
    "JPEG exif": (b"", with_exif("JPEG")),
    "JPEG bad exif": (b"", with_comment("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + LINES.encode())),
    "JPEG truncated": (b"", with_comment("JPEG", comment=LINES)[:-200]),
    "JPEG of text": (b"", b"\xff\xd8\xff\xe0" + LINES.encode() * 9),
    "TIFF exif": (b"", with_exif("TIFF")),
    "TIFF tags": (b"", with_exif("TIFF").replace(b"\x0e\x01\x02\0", b"\x0e\x01\x0c\0")),
    "TIFF compression": (
        b"",
        with_comment("TIFF", compression="tiff_lzw", description=LINES)[:-9] + METRIC.encode()[:9],
    ),
    "TIFF of text": (b"", b"II*\0\x08\0\0\0" + LINES.encode() * 9),
    "WebP exif": (b"", with_exif("WEBP")),
    "WebP of text": (b"", b"RIFF\xff\0\0\0WEBP" + LINES.encode() * 9),
    "GIF comment": (b"", with_comment("GIF", comment=LINES.encode())),
    "GIF of text": (b"", b"GIF89a" + LINES.encode() * 9),
    "BMP of text": (b"", b"BM" + LINES.encode() * 9),
    "AVIF of text": (b"", b"\0\0\0\x14ftypavif\0\0\0\0avif" + LINES.encode() * 9),
    "picture and text": (b"", CAT + LINES.encode()),
}


def post(target: str = "", headers: bytes = b"", body: bytes = CAT) -> bytes:
    head = f"POST /predictions/resnet18{target} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    head += b"Connection: close\r\nContent-Length: %d\r\n" % len(body)
    return head + headers + b"\r\n" + body


REQUESTS = {
    **{
        f"{name}, {kind}": post("", f"{name}: ".encode() + value + b"\r\n")
        for name in HEADERS
        for kind, value in VALUES.items()
    },
    **{f"header, {kind}": post("", b"X-A: " + v + b"\r\n") for kind, v in NO_VALUES.items()},
    "header's name": post("", f"{METRIC}: {PID}\r\n".encode()),
    "header's name of ours": post("", f"X-Forged{MARK}: {PID}\r\n".encode()),
    **{f"target {target!r}": post(target) for target in TARGETS},
    **{
        kind: post("", b"Content-Type: " + content_type + b"\r\n" if content_type else b"", body)
        for kind, (content_type, body) in BODIES.items()
    },
    "method": post().replace(b"POST", METRIC.encode(), 1),
    "protocol": post().replace(b"HTTP/1.1", METRIC.encode(), 1),
    "host": post().replace(b"Host: 127.0.0.1", f"Host: {MARK}.test".encode(), 1),
}


@dataclass(frozen=True)
class Attacked:
    """What a service answered, counted and logged in all that time."""

    answers: dict[str, bytes]
    metrics: str
    pids: tuple[list[int], list[int]]  # of the workers, before and after
    logs: dict[str, bytes]


@pytest.fixture(scope="module")
def attacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    with started(archive, tmp_path_factory.mktemp("run")) as service:
        before = service.worker_pids()
        answers = {name: exchange(service.port, data) for name, data in REQUESTS.items()}
        metrics = requests.get(f"{service.state.metrics}/metrics", timeout=10).text
        pids = before, service.worker_pids()
    # Stopped: nothing is still to be written.
    logs = {path.name: path.read_bytes() for path in service.run.logs.iterdir()}
    return Attacked(answers, metrics, pids, logs)


@pytest.mark.parametrize("name", REQUESTS)
def test_answers_hold_nothing_of_it(attacked: Attacked, name: str) -> None:
    answer = attacked.answers[name]
    # A redirect of the file server's names the path, on one line.
    assert MARK.encode() not in answer or answer.startswith(b"HTTP/1.1 308 ")
    assert not re.search(rb"^(\[METRICS|\[PID|Set-Cookie)", answer, re.MULTILINE)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert 200 <= parsed(answer).status_code < 500


@pytest.mark.parametrize("log", ["gateway.log", "worker.log", "torchserve.log", "supervisor.log"])
def test_no_log_line_is_forged(attacked: Attacked, log: str) -> None:
    lines = re.split(rb"[\r\n\x0b\x0c\x85]|\xe2\x80\xa8", attacked.logs[log])
    forged = (METRIC[:30].encode(), PID.encode(), COOKIE.encode())
    assert [line for line in lines if line.lstrip().startswith(forged)] == []


def test_nothing_of_it_is_logged(attacked: Attacked) -> None:
    assert b"Ready on cpu" in attacked.logs["worker.log"]  # what is logged would be found
    holders = {name: text for name, text in attacked.logs.items() if MARK.encode() in text}
    assert holders == {}
    assert [name for name, text in attacked.logs.items() if b"\x1b" in text or b"\0" in text] == []


def test_no_metric_is_forged(attacked: Attacked) -> None:
    assert "Requests2XX" in attacked.metrics
    assert "PredictionTime" in attacked.metrics  # made of such a line, the handler's
    assert MARK not in attacked.metrics


def test_no_worker_died(attacked: Attacked) -> None:
    before, after = attacked.pids
    assert before
    assert before == after
