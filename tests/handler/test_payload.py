import base64
import io
import json
from collections.abc import Mapping

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from multipart import MultipartParser  # type: ignore[import-untyped]
from PIL import Image

from handler.errors import ClientError
from handler.payload import picture_bytes

# What could be taken for multipart's own syntax or a text file's line breaks.
AWKWARD = b"\r\n--\r\n\r\n--boundary--\n\r\0\xff\xfe--"
FORM = "multipart/form-data; boundary=x"


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


def refusal(body: object, content_type: str = "") -> str:
    with pytest.raises(ClientError) as caught:
        picture_bytes({"body": body}, content_type)
    assert caught.value.status == 400
    return caught.value.type


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "image/png",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "application/json",
        "text/plain; charset=utf-8",
        "multipart/form-data",
        FORM,
    ],
)
def test_a_raw_picture_passes_under_any_content_type(format: str, content_type: str) -> None:
    assert picture_bytes({"body": picture(format)}, content_type) == picture(format)


@pytest.mark.parametrize("name", ["body", "data", "file"])
@pytest.mark.parametrize("convert", [bytes, bytearray])
def test_fields_that_torchserve_parsed(name: str, convert: type[bytes | bytearray]) -> None:
    assert picture_bytes({"other": b"no", name: convert(AWKWARD)}) == AWKWARD


def test_json_that_torchserve_parsed() -> None:
    assert picture_bytes({"body": {"data": base64.b64encode(AWKWARD).decode()}}) == AWKWARD


@pytest.mark.parametrize("name", ["data", "file"])
def test_multipart_as_requests_sends_it(name: str) -> None:
    files = {"comment": ("a.txt", b"not this"), name: ("a b.jpg", AWKWARD), "z": ("z", b"nor this")}
    body, content_type = form(files)
    assert picture_bytes({"body": body}, content_type) == AWKWARD


def test_the_first_of_both_fields_counts() -> None:
    body, content_type = form({"file": ("1", b"first"), "data": ("2", b"second")})
    assert picture_bytes({"body": body}, content_type) == b"first"


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        'multipart/form-data; boundary="x"',
        "multipart/form-data;boundary=x; charset=utf-8",
        "Multipart/Form-Data; charset=utf-8; BOUNDARY=x",
    ],
)
def test_spellings_of_the_boundary(content_type: str) -> None:
    assert picture_bytes({"body": part("data", AWKWARD) + b"--x--"}, content_type) == AWKWARD


def test_a_boundary_with_spaces_is_quoted() -> None:
    body = part("data", AWKWARD).replace(b"--x\r", b"--x y\r", 1) + b"--x y--\r\n"
    content_type = 'multipart/form-data; boundary="x y"'
    assert picture_bytes({"body": body}, content_type) == AWKWARD


def test_preamble_epilogue_and_header_spellings() -> None:
    head = b"preamble\r\n--x \r\ncontent-type: image/png\r\ncontent-disposition:form-data;NAME=file"
    body = head + b"\r\n\r\n" + AWKWARD + b"\r\n--x--\r\nepilogue"
    assert picture_bytes({"body": body}, FORM) == AWKWARD


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (part("data", b"a") + b"--x--", "multipart/form-data"),
        (part("data", b"a") + b"--x--", "multipart/form-data; boundary="),
        (part("data", b"a") + b"--x--", "multipart/form-data; boundary=y"),
        (part("picture", b"a") + b"--x--", FORM),
        (b"--x\r\nContent-Type: image/png\r\n\r\na\r\n--x--", FORM),
        (b'--x\r\nContent-Disposition: form-data; name="data"\r\na\r\n--x--', FORM),
        (b"--x--", FORM),
        (b"no form at all", FORM),
    ],
    ids=[
        "no boundary",
        "empty boundary",
        "another boundary",
        "another field",
        "no name",
        "no blank line",
        "no parts",
        "text",
    ],
)
def test_malformed_multipart(body: bytes, content_type: str) -> None:
    assert refusal(body, content_type) == "bad_multipart"


def test_multipart_cut_off_anywhere() -> None:
    body, content_type = form({"data": ("a.jpg", AWKWARD)})
    # Of the closing delimiter only the line break after it may be missing.
    cuts = range(1, len(body) - len("\r\n"))
    assert {refusal(body[:cut], content_type) for cut in cuts} == {"bad_multipart"}


def test_no_picture_at_all() -> None:
    empty_form, content_type = form({"data": ("a.jpg", b"")})
    assert refusal(b"") == "empty_body"
    assert refusal(None) == "empty_body"
    assert refusal(empty_form, content_type) == "empty_body"
    assert refusal(b'{"data": ""}') == "empty_body"
    assert refusal(b'{"data": "data:image/png;base64,"}') == "empty_body"
    with pytest.raises(ClientError, match="has no body"):
        picture_bytes({"picture": b"a"})


@pytest.mark.parametrize("content_type", ["", "application/json", "Application/JSON; charset=x"])
@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,", "data:;base64,"])
def test_json_with_line_breaks(content_type: str, prefix: str) -> None:
    # encodebytes breaks lines as the command base64 does.
    text = prefix + base64.encodebytes(AWKWARD * 9).decode()
    body = json.dumps({"data": text, "other": [1]}, indent=1).encode()
    assert picture_bytes({"body": b"\n" + body}, content_type) == AWKWARD * 9


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"1",
        b"{}",
        b'{"data": 1}',
        b'{"data": null}',
        b'{"file": "YQ=="}',
        b"[" * 10**5,
    ],
    ids=["cut off", "list", "number", "empty", "wrong type", "null", "other field", "deep"],
)
def test_malformed_json(body: bytes) -> None:
    assert refusal(body, "application/json") == "bad_json"


@pytest.mark.parametrize(
    "text",
    ["*", "YQ", "YQ=", "YQ==YQ==", "_-_-", "猫", "data:image/png,a", "data:image/png;base64"],
)
def test_malformed_base64(text: str) -> None:
    assert refusal(json.dumps({"data": text}).encode()) == "bad_base64"


@settings(deadline=None)
@given(st.binary(min_size=1))
def test_any_bytes_come_back_unchanged(content: bytes) -> None:
    body, content_type = form({"data": ("a.jpg", content)})
    assert picture_bytes({"body": body}, content_type) == content
    body = json.dumps({"data": base64.b64encode(content).decode()}).encode()
    assert picture_bytes({"body": body}, "application/json") == content


FIELDS = st.dictionaries(
    st.sampled_from(["a", "data", "file", "Data", "name"]), st.binary(min_size=1), min_size=1
)


@settings(deadline=None)
@given(FIELDS)
def test_multipart_agrees_with_another_parser(fields: dict[str, bytes]) -> None:
    body, content_type = form({name: ("a.jpg", content) for name, content in fields.items()})
    parts = MultipartParser(io.BytesIO(body), content_type.partition("boundary=")[2]).parts()
    expected = [other.raw for other in parts if other.name in ("data", "file")]
    if expected:
        assert picture_bytes({"body": body}, content_type) == expected[0]
    else:
        assert refusal(body, content_type) == "bad_multipart"


PIECES = st.sampled_from([b"--x", b"--", b"\r\n", b'{"data":', b'"YQ=="', b"}", part("data", b"")])
BODIES = st.lists(PIECES | st.binary(max_size=9)).map(b"".join)
CONTENT_TYPES = st.sampled_from([FORM, "multipart/form-data", "application/json"]) | st.text()


@settings(deadline=None)
@given(BODIES, CONTENT_TYPES)
def test_nothing_but_client_errors(body: bytes, content_type: str) -> None:
    try:
        found = picture_bytes({"body": body}, content_type)
    except ClientError as error:
        assert error.status == 400
    else:
        assert found
