"""One request of a batch: from what TorchServe hands over to what the network needs."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from handler.engines import Floats
from handler.errors import ClientError, InternalError
from handler.payload import picture_bytes
from handler.picture import Pixels, pixels
from handler.ranking import parse_top_k

logger = logging.getLogger(__name__)

CONTENT_TYPE = "x-client-content-type"  # set by the gateway, which sends every body on as bytes
TOP_K = "x-top-k"
ARRIVAL = "x-request-start"  # set by the gateway: milliseconds of Unix time
EXPLAIN = "explain"  # set by TorchServe for /explanations


class Prepared(NamedTuple):
    pixels: Pixels
    top_k: int
    explain: bool


class Classified(NamedTuple):
    probabilities: Floats  # float32 [classes]
    feature_maps: Floats | None  # float32 [512, 7, 7], where an explanation is asked for
    top_k: int


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

    exact: of `pixels`.
    """
    try:
        asked = parse_top_k(headers.get(TOP_K), top_k, classes)
        content_type = headers.get(CONTENT_TYPE) or headers.get("content-type", "")
        picture = pixels(picture_bytes(row, content_type), exact)
        return Prepared(picture, asked, headers.get(EXPLAIN) == "True")
    except ClientError as error:
        return error
    except MemoryError:
        raise  # TorchServe's to handle: it replaces the worker
    except Exception:
        logger.exception("Preparing a request failed")
        return InternalError()
