import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from handler.errors import ClientError, InternalError, RequestError
from handler.payload import Payload
from handler.preprocessing import Preprocessed, Preprocessor
from handler.quarantine import digest
from handler.request import Prepared, Request, lower_case, prepare, read

PREPROCESS = Preprocessor(exact=True)


def red() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "PNG")
    return file.getvalue()


def prepared(body: object, headers: dict[str, str]) -> Any:
    request = Request(0, {"body": body}, headers)
    payload = read(request)
    if isinstance(payload, RequestError):
        return payload
    return prepare(request, payload, PREPROCESS, 3, 5)


@pytest.mark.parametrize(
    ("row", "headers", "expected"),
    [
        ({}, {"describe": "True"}, True),
        ({}, {}, False),
        ({"body": b"x"}, {"describe": "True"}, False),
        ({"body": b""}, {"describe": "True"}, False),
    ],
)
def test_only_describe_has_the_header_and_no_body(
    row: dict[str, object], headers: dict[str, str], expected: bool
) -> None:
    assert Request(0, row, headers).is_describe == expected


def test_headers_of_multipart_fields_are_no_top_k() -> None:
    # A form field called x-top-k reaches the handler as a dict among the headers.
    headers: dict[str, Any] = {"X-Top-K": {"name": "x-top-k"}, "Content-Type": "image/jpeg"}
    assert lower_case(headers) == {"content-type": "image/jpeg"}


def test_the_clients_content_type_is_preferred() -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n%b\r\n--x--'
    headers = {
        "content-type": "application/octet-stream",
        "x-client-content-type": "multipart/form-data; boundary=x",
    }
    result = prepared(form % red(), headers)
    assert isinstance(result, Prepared)
    assert result.top_k == 3
    assert not result.explain
    assert result.picture.pixels.reshape(-1, 3).tolist() == [[255, 0, 0]] * (224 * 224)


def test_top_k_and_explain() -> None:
    result = prepared(red(), {"x-top-k": "5", "explain": "True"})
    assert (result.top_k, result.explain) == (5, True)


def test_a_client_error_is_a_result() -> None:
    error = prepared(b"hello", {})
    assert isinstance(error, ClientError)
    assert error.as_dict()["code"] == 415


def test_any_other_exception_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(data: bytes) -> Preprocessed:
        raise KeyError("a fault in a library")

    request = Request(0, {"body": red()}, {"x-request-id": "order-17"})
    error = prepare(request, Payload(red()), faulty, 3, 5)
    assert isinstance(error, InternalError)
    assert "fault" not in str(error)
    [line] = caplog.messages
    assert line.startswith("[order-17] Preparing it failed: ")
    assert "a fault in a library" in line


def test_memory_error_is_torchserves() -> None:
    def exhausted(data: bytes) -> Preprocessed:
        raise MemoryError

    with pytest.raises(MemoryError):
        prepare(Request(0, {}, {}), Payload(red()), exhausted, 3, 5)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [(b"cat.jpg", 415, "name of a file"), (b"\xff\xd8\xff\xe0JFIF" * 9, 422, "curl -d")],
)
def test_what_a_body_without_a_picture_is(body: bytes, status: int, said: str) -> None:
    error = prepared(body, {})
    assert error.status == status
    assert said in str(error)


def test_top_k_is_one_wherever_it_is_said() -> None:
    text = base64.b64encode(red()).decode()
    body = json.dumps({"data": text, "top_k": 2}).encode()
    assert prepared(body, {}).top_k == 2
    assert prepared(body, {"x-query": "top_k=2", "x-top-k": "2"}).top_k == 2
    for headers in ({"x-query": "top_k=1"}, {"x-top-k": "1"}):
        assert prepared(body, headers).type == "bad_top_k"


def test_a_picture_is_read_the_same_from_every_packing() -> None:
    """By its bytes the quarantine knows it again."""
    text = base64.b64encode(red()).decode()
    bodies = [red(), json.dumps({"data": text}).encode(), text.encode()]
    for boundary in (b"x", b"another"):
        form = b'--%b\r\nContent-Disposition: form-data; name="data"\r\n\r\n%b\r\n--%b--'
        bodies.append(form % (boundary, red(), boundary))
    read_ = [read(Request(0, {"body": body}, {})) for body in bodies]
    assert {digest(one.picture) for one in read_ if isinstance(one, Payload)} == {digest(red())}
    assert len(read_) == 5
