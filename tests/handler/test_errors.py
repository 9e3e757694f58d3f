"""Each error in the form of the contract, and whose fault it is."""

import inspect
import re

import pytest

from handler import errors
from handler.errors import ClientError, InternalError, RequestError

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, RequestError) and "__init__" in vars(kind)
]


def made(kind: type[RequestError]) -> RequestError:
    """An example, with arguments of the types that it takes."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    examples = {"str": "x", "int": 7}
    given = [examples[p.annotation.__name__] for p in parameters if p.name != "self"]
    return kind(*given)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_form(kind: type[RequestError]) -> None:
    error = made(kind)
    assert error.as_dict() == {"code": kind.status, "type": kind.type, "message": str(error)}
    assert re.fullmatch("[a-z][a-z0-9_]+", kind.type)
    assert kind.phrase.isascii()
    assert str(error).endswith(".")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_only_the_clients_errors_are_client_errors(kind: type[RequestError]) -> None:
    assert issubclass(kind, ClientError) == (400 <= kind.status < 500)
    assert issubclass(kind, ClientError) != issubclass(kind, InternalError)


def test_the_types_of_the_contract() -> None:
    """Programs branch on them, and the page translates them."""
    assert {(kind.status, kind.type) for kind in KINDS} == {
        (400, "bad_request"),
        (400, "empty_body"),
        (400, "bad_multipart"),
        (400, "bad_json"),
        (400, "bad_base64"),
        (400, "bad_top_k"),
        (413, "too_many_pixels"),
        (415, "unsupported_format"),
        (422, "corrupt_picture"),
        (500, "internal_error"),
    }
