import io
from typing import Any

import pytest
from PIL import Image

from handler.errors import ClientError, InternalError
from handler.preprocessing import Preprocessed, Preprocessor
from handler.request import Prepared, Request, lower_case, prepare

PREPROCESS = Preprocessor(exact=True)


def red() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "PNG")
    return file.getvalue()


def prepared(body: object, headers: dict[str, str]) -> Any:
    return prepare(Request(0, {"body": body}, headers), PREPROCESS, 3, 5)


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
    error = prepare(request, faulty, 3, 5)
    assert isinstance(error, InternalError)
    assert "fault" not in str(error)
    [line] = caplog.messages
    assert line.startswith("[order-17] Preparing it failed: ")
    assert "a fault in a library" in line


def test_memory_error_is_torchserves() -> None:
    def exhausted(data: bytes) -> Preprocessed:
        raise MemoryError

    with pytest.raises(MemoryError):
        prepare(Request(0, {"body": red()}, {}), exhausted, 3, 5)
