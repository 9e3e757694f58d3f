"""What a client may ask for besides a classification: how many classes."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from handler.errors import BadTopK, ContradictingTopK, UnknownParameter

TOP_K = "top_k"
HEADER = "x-top-k"
QUERY = "x-query"  # set by the gateway: the address's query, cut off after MAX_QUERY + 1 characters
MAX_QUERY = 200

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


def read_top_k(
    headers: Mapping[str, str], in_body: Iterable[object], default: int, classes: int
) -> int:
    """How many items to answer with, by the query, the header X-Top-K or the body.

    Where several say it, they must agree. Raises a ClientError, also for other parameters.
    """
    given = [*_in_query(headers.get(QUERY, ""), classes), *in_body]
    if HEADER in headers:
        given.append(headers[HEADER])
    if not given:
        return min(default, classes)
    numbers = {_number(value, classes) for value in given}
    if len(numbers) > 1:
        raise ContradictingTopK
    return numbers.pop()


def shown(name: str) -> str:
    """A client's own word in an answer, quoted; empty where it is no name."""
    return f"'{name}'" if _NAME.fullmatch(name) else ""


def _in_query(query: str, classes: int) -> list[str]:
    if len(query) > MAX_QUERY:
        raise UnknownParameter("", classes)
    pairs = parse_qsl(query, keep_blank_values=True)
    for name, _ in pairs:
        if name != TOP_K:
            raise UnknownParameter(shown(name), classes)
    return [value for _, value in pairs]


def _number(value: object, classes: int) -> int:
    text = value.decode("latin-1") if isinstance(value, bytes | bytearray) else value
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if (
        isinstance(text, str)
        and (text.isascii() and text.isdigit() and len(text) <= 9)
        and 1 <= int(text) <= classes
    ):
        return int(text)
    raise BadTopK(classes)
