"""One request of a batch: from what TorchServe hands over to what the network needs."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from handler.errors import (
    ClientError,
    CorruptPicture,
    InternalError,
    RequestError,
    UnsupportedFormat,
)
from handler.logs import log_failure
from handler.model import Output
from handler.packings import refuse_known_packing
from handler.parameters import read_top_k
from handler.payload import Payload, unpack
from handler.preprocessing import Preprocessed

CONTENT_TYPE = "x-client-content-type"  # set by the gateway, which sends every body on as bytes
ARRIVAL = "x-request-start"  # set by the gateway: milliseconds of Unix time
REQUEST_ID = "x-request-id"  # set by the gateway
READINESS = "x-readiness"  # set by the supervisor on its own requests
EXPLAIN = "explain"  # set by TorchServe for /explanations
DESCRIBE = "describe"  # set by TorchServe for the describe API


class Request(NamedTuple):
    position: int  # in TorchServe's batch
    row: Mapping[str, object]  # field names to what TorchServe parsed
    headers: Mapping[str, str]  # by lower-case name

    @property
    def is_describe(self) -> bool:
        """Whether it asks for the model card. A client may send the header too, but with a body."""
        return not self.row and DESCRIBE in self.headers


class Prepared(NamedTuple):
    picture: Preprocessed
    top_k: int
    explain: bool


class Classified(NamedTuple):
    prepared: Prepared
    output: Output


Result = Classified | RequestError
Work = TypeVar("Work")


def lower_case(headers: Mapping[str, object]) -> dict[str, str]:
    """Headers by lower-case name; TorchServe mixes dicts for multipart fields in with them."""
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def read(request: Request) -> Payload | RequestError:
    """The picture's bytes and what goes with them. An error is a result: it stays with its request.

    Pure Python, so whatever a client sends, the worker survives it.
    """
    content_type = request.headers.get(CONTENT_TYPE) or request.headers.get("content-type", "")
    return _result(request, lambda: unpack(request.row, content_type))


def prepare(
    request: Request,
    payload: Payload,
    preprocess: Callable[[bytes], Preprocessed],
    default_top_k: int,
    classes: int,
) -> Prepared | RequestError:
    """Parse and preprocess what was read."""

    def prepared() -> Prepared:
        top_k = read_top_k(request.headers, payload.top_k, default_top_k, classes)
        try:
            picture = preprocess(payload.picture)
        except (UnsupportedFormat, CorruptPicture):
            refuse_known_packing(payload.picture)
            raise
        return Prepared(picture, top_k, request.headers.get(EXPLAIN) == "True")

    return _result(request, prepared)


def _result(request: Request, work: Callable[[], Work]) -> Work | RequestError:
    try:
        return work()
    except ClientError as error:
        return error
    except MemoryError:
        raise  # TorchServe's to handle: it replaces the worker
    except Exception:
        log_failure("Preparing it failed", request.headers.get(REQUEST_ID))
        return InternalError()
