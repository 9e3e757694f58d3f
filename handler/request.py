"""One request of a batch: from what TorchServe hands over to what the network needs."""

from collections.abc import Mapping
from typing import NamedTuple

from handler.engines import Floats
from handler.errors import ClientError, InternalError
from handler.logs import log_failure
from handler.payload import picture_bytes
from handler.picture import Loaded, load
from handler.ranking import parse_top_k

CONTENT_TYPE = "x-client-content-type"  # set by the gateway, which sends every body on as bytes
TOP_K = "x-top-k"
ARRIVAL = "x-request-start"  # set by the gateway: milliseconds of Unix time
REQUEST_ID = "x-request-id"  # set by the gateway
READINESS = "x-readiness"  # set by the gateway where it is its own question, /ready
EXPLAIN = "explain"  # set by TorchServe for /explanations


class Prepared(NamedTuple):
    picture: Loaded
    top_k: int
    explain: bool


class Classified(NamedTuple):
    request: Prepared
    probabilities: Floats  # float32 [classes]
    feature_maps: Floats | None  # float32 [512, 7, 7], where an explanation is asked for


def lower_case(headers: Mapping[str, object]) -> dict[str, str]:
    """Headers by lower-case name; TorchServe mixes dicts for multipart fields in with them."""
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def prepare(
    row: Mapping[str, object],
    headers: Mapping[str, str],
    top_k: int,
    classes: int,
    exact: bool = True,
) -> Prepared | ClientError:
    """Parse and decode one request; an error is a result, so that it stays with this request.

    exact: of `load`.
    """
    try:
        asked = parse_top_k(headers.get(TOP_K), top_k, classes)
        content_type = headers.get(CONTENT_TYPE) or headers.get("content-type", "")
        picture = load(picture_bytes(row, content_type), exact)
        return Prepared(picture, asked, headers.get(EXPLAIN) == "True")
    except ClientError as error:
        return error
    except MemoryError:
        raise  # TorchServe's to handle: it replaces the worker
    except Exception:
        log_failure("Preparing it failed", headers.get(REQUEST_ID))
        return InternalError()
