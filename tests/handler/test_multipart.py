"""What test_payload.py does not reach: encodings of fields, and forms without end."""

import base64
import binascii
import io
import time

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from multipart import MultipartParser  # type: ignore[import-untyped]

from handler.errors import BadForm, ClientError
from handler.multipart import MAX_FIELDS, MAX_HEAD, boundary_of, fields

DATA = bytes(range(256)) * 9


def part(headers: str, content: bytes) -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {headers}\r\n\r\n".encode() + content + b"\r\n"


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("base64", base64.encodebytes(DATA)),
        ("BASE64", base64.b64encode(DATA)),
        ("quoted-printable", binascii.b2a_qp(DATA, istext=False)),
        ("binary", DATA),
        ("8bit", DATA),
    ],
)
def test_transfer_encodings(encoding: str, content: bytes) -> None:
    headers = f'name="data"\r\nContent-Transfer-Encoding: {encoding}'
    assert list(fields(part(headers, content) + b"--x--", "")) == [("data", DATA)]


def test_a_bad_transfer_encoding() -> None:
    headers = 'name="data"\r\nContent-Transfer-Encoding: base64'
    with pytest.raises(ClientError) as caught:
        list(fields(part(headers, b"*") + b"--x--", ""))
    assert caught.value.type == "bad_base64"


@pytest.mark.parametrize(
    "headers",
    [
        'name="data"; filename="a.jpg"',
        'filename="a.jpg"; name="data"',
        "name=data; filename*=UTF-8''%e7%8c%ab.jpg",
        'filename="; name=other; x="; name="data"',
        r'filename="a\"; name=\"other"; name="data"',
        'NAME="data"; filename="猫.jpg"',
    ],
)
def test_the_name_is_found_beside_file_names(headers: str) -> None:
    assert list(fields(part(headers, DATA) + b"--x--", "")) == [("data", DATA)]


@pytest.mark.parametrize(
    "body",
    [
        part("name=a", b"") * 500_00 + b"--x--",
        b"--x\r\nContent-Disposition: form-data; name=" + b"a" * 4_000_000 + b"\r\n\r\na\r\n--x--",
        b"--x\r\nContent-Disposition: " + b'; a="\\' * 900_000 + b"\r\n--x--",
        b"\r\n" * 2_000_000,
        b"--x\r\n" * 800_000,
        b"--x" + b" " * 5_000_000,
    ],
    ids=["fields", "name", "quotes", "line breaks", "delimiters", "spaces"],
)
def test_forms_without_end_are_refused_at_once(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(ClientError) as caught:
        list(fields(body, "multipart/form-data; boundary=x"))
    assert caught.value.type == "bad_multipart"
    assert time.process_time() - began < 1


def test_as_many_fields_as_are_read() -> None:
    body = part("name=a", b"") * MAX_FIELDS
    assert len(list(fields(body + b"--x--", ""))) == MAX_FIELDS
    with pytest.raises(BadForm, match="more than 100 fields"):
        list(fields(body + part("name=a", b"") + b"--x--", ""))


WHOLE = part('name="data"; filename="a.jpg"', b"picture") + b"--x--\r\n"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (WHOLE.replace(b"\r\n", b"\n"), "lines end with LF"),
        (WHOLE[:-6], "part of it is missing"),
        (WHOLE.replace(b"\r\n\r\n", b"\r\n"), "no blank line"),
        (WHOLE.replace(b"a.jpg", b"a" * MAX_HEAD), f"more than {MAX_HEAD} bytes"),
    ],
)
def test_what_is_wrong_is_told(body: bytes, why: str) -> None:
    with pytest.raises(BadForm, match=why):
        list(fields(body, "multipart/form-data; boundary=x"))


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (part("name=a", b"b"), b"x"),
        (b"\r\n" + part("name=a", b"b"), b"x"),
        (b"--x y \r\nX: y\r\ncontent-disposition: form-data", b"x y"),
        (b"--x\r\n\r\nb", b""),
        (b"- a list\r\n", b""),
        (b"", b""),
    ],
)
def test_a_form_shows_its_boundary(body: bytes, boundary: bytes) -> None:
    assert boundary_of(body) == boundary


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "data", "a b", "猫", "a-b"]), st.binary(), min_size=1))
def test_it_agrees_with_another_parser(contents: dict[str, bytes]) -> None:
    files = {name: ("a.jpg", content) for name, content in contents.items()}
    prepared = requests.Request("POST", "http://localhost/", files=files).prepare()
    body, content_type = prepared.body, prepared.headers["content-type"]
    assert isinstance(body, bytes)
    parts = MultipartParser(io.BytesIO(body), content_type.partition("boundary=")[2]).parts()
    assert list(fields(body, content_type)) == [(part.name, part.raw) for part in parts]
