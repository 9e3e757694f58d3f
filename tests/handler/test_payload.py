import base64
import json
import time
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handler.base64_text import is_picture
from handler.errors import ClientError
from handler.payload import Payload, unpack
from tests.handler.bodies import AWKWARD, FORM, form, part, picture, picture_bytes, refusal


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
    assert unpack({"top_k": b"5", name: convert(AWKWARD)}) == Payload(AWKWARD, (b"5",))


def test_json_that_torchserve_parsed() -> None:
    assert picture_bytes({"body": {"data": base64.b64encode(AWKWARD).decode()}}) == AWKWARD


@pytest.mark.parametrize("name", ["data", "file"])
def test_multipart_as_requests_sends_it(name: str) -> None:
    files = {"comment": ("", b""), name: ("a b.jpg", AWKWARD), "top_k": ("", b"5")}
    body, content_type = form(files)
    assert unpack({"body": body}, content_type) == Payload(AWKWARD, (b"5",))


TEXT = base64.encodebytes(picture("WEBP")).decode()
UNBROKEN = TEXT.replace("\n", "")


@pytest.mark.parametrize(
    "body",
    {
        "base64": TEXT,
        "data URI": f"data:image/webp;base64,{UNBROKEN}\n",
        "form": urlencode({"data": UNBROKEN}),
        "form of lines": urlencode({"file": TEXT}),
        "form without escapes": f"data={UNBROKEN}",
        "form with a data URI": urlencode({"top_k": 5, "image": f"data:;base64,{UNBROKEN}"}),
        "form of bytes": urlencode({"data": picture("WEBP")}),
        "JSON string": json.dumps(UNBROKEN),
    }.items(),
    ids=lambda item: item[0],
)
@pytest.mark.parametrize(
    "content_type",
    ["", "application/x-www-form-urlencoded", "application/json", "text/plain", FORM],
)
def test_a_picture_as_text(body: tuple[str, str], content_type: str) -> None:
    assert picture_bytes({"body": body[1].encode()}, content_type) == picture("WEBP")


@pytest.mark.parametrize("text", [UNBROKEN[:-9], f"{UNBROKEN}*", "data:image/png;base64,iVBOR"])
def test_a_picture_as_text_that_is_cut_off(text: str) -> None:
    assert refusal(text.encode()) == "bad_base64"


@pytest.mark.parametrize("text", ["hello", "a=b&c=d", "hello=world", "--", "abcd", "QUJDRA=="])
def test_mere_text_is_left_to_the_decoder(text: str) -> None:
    assert picture_bytes({"body": text.encode()}) == text.encode()


@pytest.mark.parametrize(
    "content_type", ["", "image/jpeg", "application/json", "multipart/form-data", FORM]
)
def test_a_form_under_another_content_type(content_type: str) -> None:
    body, _ = form({"data": ("a.jpg", AWKWARD)})
    assert picture_bytes({"body": body}, content_type) == AWKWARD


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("content_type", ["", "application/json"])
def test_encodings_of_json(encoding: str, content_type: str) -> None:
    body = json.dumps({"data": TEXT}).encode(encoding)
    assert picture_bytes({"body": body}, content_type) == picture("WEBP")


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
        (b"\r\npreamble\r\n" + part("data", b"a") + b"--x--", "multipart/form-data"),
        (b"\r\npreamble\r\n" + part("data", b"a") + b"--x--", "multipart/form-data; boundary="),
        (b"\r\npreamble\r\n" + part("data", b"a") + b"--x--", "multipart/form-data; boundary=y"),
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
    with pytest.raises(ClientError, match="the field 'picture' is unknown"):
        picture_bytes({"picture": b"a"})


@pytest.mark.parametrize("content_type", ["", "application/json", "Application/JSON; charset=x"])
@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,", "data:;base64,"])
def test_json_with_line_breaks(content_type: str, prefix: str) -> None:
    # encodebytes breaks lines as the command base64 does.
    text = prefix + base64.encodebytes(AWKWARD * 9).decode()
    body = json.dumps({"data": text, "top_k": 5}, indent=1).encode()
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
        b'{"file": ["YQ=="]}',
        b'{"other": "YQ=="}',
        b"[" * 10**5,
    ],
    ids=[
        "cut off",
        "list",
        "number",
        "empty",
        "wrong type",
        "null",
        "nested",
        "other field",
        "deep",
    ],
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
    # Which would be unpacked.
    assume(not is_picture(content) and not content.lstrip().startswith(b"{"))
    body, content_type = form({"data": ("a.jpg", content)})
    assert picture_bytes({"body": body}, content_type) == content
    body = json.dumps({"data": base64.b64encode(content).decode()}).encode()
    assert picture_bytes({"body": body}, "application/json") == content


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


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": "YQ==", ' + b'"a": "", ' * 500_000 + b'"b": 1}',
        b"{" + b'"":"a",' * 700_000 + b'"":1}',
        b"[" + b"{}," * 1_500_000 + b"{}]",
        b"data=YQ==" + b"&a=b" * 1_200_000,
        b"a=" + b"%" * 5_000_000,
        b"data=" + b"%41" * 1_600_000,
        b" " * 5_000_000,
        b'"' * 5_000_000,
        b"data:" * 1_000_000,
    ],
    ids=[
        "fields",
        "strings",
        "objects",
        "urlencoded",
        "bad escapes",
        "escapes",
        "spaces",
        "quotes",
        "data URIs",
    ],
)
def test_bodies_that_never_end_are_read_quickly(body: bytes) -> None:
    began = time.process_time()
    with suppress(ClientError):
        unpack({"body": body})
    assert time.process_time() - began < 2
