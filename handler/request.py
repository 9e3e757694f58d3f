"""One request of a batch: from what TorchServe hands over to what the network needs."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from handler.engines.engine import Floats
from handler.errors import ClientError, InternalError, RequestError
from handler.logs import log_failure
from handler.payload import picture_bytes
from handler.preprocessing import Preprocessed
from handler.ranking import parse_top_k

CONTENT_TYPE = "x-client-content-type"  # set by the gateway, which sends every body on as bytes
TOP_K = "x-top-k"
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
    probabilities: Floats  # float32 [classes]
    feature_maps: Floats | None  # float32 [512, 7, 7], where an explanation is asked for


Result = Classified | RequestError


def lower_case(headers: Mapping[str, object]) -> dict[str, str]:
    """Headers by lower-case name; TorchServe mixes dicts for multipart fields in with them."""
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def prepare(
    request: Request,
    preprocess: Callable[[bytes], Preprocessed],
    default_top_k: int,
    classes: int,
) -> Prepared | RequestError:
    """Parse and preprocess one request. An error is a result: it stays with its request."""
    headers = request.headers
    try:
        top_k = parse_top_k(headers.get(TOP_K), default_top_k, classes)
        content_type = headers.get(CONTENT_TYPE) or headers.get("content-type", "")
        picture = preprocess(picture_bytes(request.row, content_type))
        return Prepared(picture, top_k, headers.get(EXPLAIN) == "True")
    except ClientError as error:
        return error
    except MemoryError:
        raise  # TorchServe's to handle: it replaces the worker
    except Exception:
        log_failure("Preparing it failed", headers.get(REQUEST_ID))
        return InternalError()
