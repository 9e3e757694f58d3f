"""Request bodies as clients make them, and what is said of bad ones."""

import io
from collections.abc import Mapping

import pytest
import requests
from PIL import Image

from handler.errors import ClientError
from handler.payload import unpack

# What could be taken for multipart's own syntax or a text file's line breaks.
AWKWARD = b"\r\n--\r\n\r\n--boundary--\n\r\0\xff\xfe--"
FORM = "multipart/form-data; boundary=x"


def picture_bytes(row: Mapping[str, object], content_type: str = "") -> bytes:
    return unpack(row, content_type).picture


def picture(format: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, format)
    return file.getvalue()


def form(files: Mapping[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    """Body and content type as requests makes them."""
    prepared = requests.Request("POST", "http://localhost/", files=files).prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.body, prepared.headers["content-type"]


def part(name: str, content: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def message(body: object, content_type: str = "") -> str:
    with pytest.raises(ClientError) as caught:
        unpack({"body": body}, content_type)
    return str(caught.value)


def refusal(body: object, content_type: str = "") -> str:
    with pytest.raises(ClientError) as caught:
        picture_bytes({"body": body}, content_type)
    assert caught.value.status == 400
    return caught.value.type
