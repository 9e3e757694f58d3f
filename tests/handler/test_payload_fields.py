"""Which field of a form or JSON object is the picture, and what becomes of the others."""

import base64
import json
from urllib.parse import urlencode

import pytest

from handler.payload import Payload, unpack
from tests.handler.bodies import AWKWARD, FORM, form, message, part, picture, picture_bytes, refusal


@pytest.mark.parametrize("others", [("data", "file"), ("data", "image"), ("a", "b"), ("b", "data")])
@pytest.mark.parametrize("content", [picture("PNG"), base64.b64encode(picture("PNG"))])
def test_two_pictures_are_refused(others: tuple[str, str], content: bytes) -> None:
    body, content_type = form({name: (name, content) for name in others})
    assert refusal(body, content_type) == "bad_multipart"
    assert "it has 2 pictures" in message(body, content_type)
    twice = part(others[0], content) * 2 + b"--x--"
    assert "it has 2 pictures" in message(twice, FORM)
    text = base64.b64encode(picture("PNG")).decode()
    assert "it has 2 pictures" in message(json.dumps(dict.fromkeys(others, text)).encode())
    assert "it has 2 pictures" in message(f'{{"data": "{text}", "data": "{text}"}}'.encode())


def test_an_input_that_nobody_filled_in_is_no_picture() -> None:
    body, content_type = form({"data": ("", b""), "file": ("a.png", picture("PNG"))})
    assert picture_bytes({"body": body}, content_type) == picture("PNG")


@pytest.mark.parametrize("name", ["file", "filepond"])
def test_what_filepond_notes_about_a_file_is_no_picture(name: str) -> None:
    """It comes first, under the file's own name."""
    body = part(name, b"{}") + part(name, picture("PNG")) + b"--x--"
    assert picture_bytes({"body": body}, FORM) == picture("PNG")


@pytest.mark.parametrize("name", ["image", "files[]", "upload"])
def test_one_picture_may_have_any_name(name: str) -> None:
    text = base64.b64encode(picture("JPEG")).decode()
    for content in (picture("JPEG"), text.encode(), f"data:image/jpeg;base64,{text}".encode()):
        body, content_type = form({name: ("a.jpg", content)})
        assert picture_bytes({"body": body}, content_type) == picture("JPEG")
    assert picture_bytes({"body": json.dumps({name: text}).encode()}) == picture("JPEG")
    assert picture_bytes({"body": urlencode({name: text}).encode()}) == picture("JPEG")


@pytest.mark.parametrize("name", ["topk", "TOP_K", "threshold", "k"])
def test_other_fields_are_refused_by_name(name: str) -> None:
    text = base64.b64encode(picture("PNG")).decode()
    body, content_type = form({"data": ("a.png", picture("PNG")), name: ("", b"1")})
    object_, encoded = json.dumps({"data": text, name: 1}), urlencode({"data": text, name: 1})
    for each, kind in ((body, content_type), (object_.encode(), ""), (encoded.encode(), "")):
        assert f"the field '{name}' is unknown" in message(each, kind)


@pytest.mark.parametrize("name", ["a b", "[METRICS]", "\n", "a" * 41, "猫", ""])
def test_a_name_that_is_none_is_not_repeated(name: str) -> None:
    body = json.dumps({name: 1}).encode()
    assert "one of its fields is unknown" in message(body)


def test_what_browsers_add_is_passed_over() -> None:
    body = part("submit", b"Send") + part("data", AWKWARD) + part("_charset_", b"utf-8") + b"--x--"
    assert unpack({"body": body}, FORM) == Payload(AWKWARD)


@pytest.mark.parametrize("given", [5, "5", 5.5, True, [5]])
def test_top_k_in_json(given: object) -> None:
    body = json.dumps({"data": "YQ==", "top_k": given}).encode()
    assert unpack({"body": body}) == Payload(b"a", (given,))


def test_null_is_as_if_left_out() -> None:
    body = b'{"data": "YQ==", "top_k": null, "threshold": null}'
    assert unpack({"body": body}) == Payload(b"a")


def test_a_note_that_begins_like_a_bitmap_is_no_second_picture() -> None:
    body = part("data", picture("JPEG")) + part("note", b"BM is how a bitmap begins") + b"--x--"
    assert "the field 'note' is unknown" in message(body, FORM)
