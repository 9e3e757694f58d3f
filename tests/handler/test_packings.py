"""Bodies that are no picture, but can be recognised."""

import gzip
import io
import subprocess
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from handler.errors import ClientError
from handler.packings import refuse_known_packing
from scripts import SAMPLES
from tests.handler.pictures import saved

CAT = SAMPLES / "cat.jpg"
READ = ("JPEG", "PNG")  # as text on its way


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(CAT, "cat.jpg")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(CAT.read_bytes()), "gzip"),
        (zipped(), "ZIP archive"),
        (b"https://example.org/cat.jpg?size=1\n", "an address"),
        (b"cat.jpg", "the name of a file"),
        (b"@/home/a b/cat.JPEG\n", "the name of a file"),
        (b"C:\\cat.png", "the name of a file"),
        (b"\xef\xbb\xbf<!DOCTYPE html><p>Not found", "a web page"),
        (b"\n<html>", "a web page"),
        (b'<?xml version="1.0"?>\n<svg/>', "an SVG drawing"),
        (b'<?xml version="1.0"?>\n<picture/>', "XML"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        *(
            (saved(Image.open(CAT), kind).decode(errors="replace").encode(), "as text")
            for kind in READ
        ),
        *((saved(Image.open(CAT), kind).decode("latin-1").encode(), "as text") for kind in READ),
    ],
)
def test_it_is_named(body: bytes, said: str) -> None:
    with pytest.raises(ClientError, match=said) as caught:
        refuse_known_packing(body)
    assert (caught.value.status, caught.value.type) == (415, "unsupported_format")


@pytest.mark.parametrize(
    "body",
    [b"hello", b"see https://example.org/ for more", b"PK", b"a.jpg b", b"BMW", b" " * 5_000_000],
    ids=lambda body: body[:9].decode(),
)
def test_other_text_is_not(body: bytes) -> None:
    refuse_known_packing(body)


def sent_by_curl(file: Path) -> bytes:
    """What arrives of `curl -d @file`."""
    arrived = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 10
        thread = Thread(target=server.handle_request)
        thread.start()
        command = ["curl", "-sS", "-d", f"@{file}", f"http://127.0.0.1:{server.server_port}/"]
        subprocess.run(command, check=True, timeout=10)
        thread.join(10)
    return arrived[0]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_what_curl_d_leaves_of_a_picture(format: str, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(saved(Image.open(CAT), format))
    with pytest.raises(ClientError, match="Send it with --data-binary") as caught:
        refuse_known_packing(sent_by_curl(file))
    assert (caught.value.status, caught.value.type) == (422, "corrupt_picture")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("part", [1, 2])
def test_a_picture_that_is_merely_cut_off_is_not_blamed_on_curl(format: str, part: int) -> None:
    data = saved(Image.open(CAT).resize((64, 64)), format)
    refuse_known_packing(data[: len(data) // part])
