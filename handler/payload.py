"""The picture in a request's body, whichever way the client packed it, and what else it says.

The body says what it is before its content type does: clients send pictures under any content
type or none (curl's default is that of a form), and a picture never looks like JSON or multipart.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from handler import base64_text, multipart
from handler.errors import BadForm, BadJson, ClientError, EmptyBody
from handler.formats import picture_format
from handler.parameters import TOP_K, shown

FIELDS = ("data", "file")
# What browsers add to a form: the button that was pressed, and the encoding.
OF_BROWSERS = ("submit", "_charset_")

_FIRST_FIELD = re.compile(rb"[\w.%-]{1,60}=[^=]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_AROUND_JSON = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"  # marks of its encoding, and white space

Fields = Iterable[tuple[str, object]]


class Payload(NamedTuple):
    picture: bytes
    top_k: tuple[object, ...] = ()  # each one that the body names


def unpack(row: Mapping[str, object], content_type: str = "") -> Payload:
    """Picture and parameters in one TorchServe request. Nothing is decoded yet.

    `row` maps field names to what TorchServe parsed: `body` for everything that came through the
    gateway; from clients that call TorchServe directly, the form's own names, a JSON object that
    is already parsed, and the query's parameters. `content_type` is the client's. Raises a
    ClientError that names the cause.
    """
    payload = _from_row(row, content_type)
    if not payload.picture:
        raise EmptyBody
    return payload


def _from_row(row: Mapping[str, object], content_type: str) -> Payload:
    others = [(name, value) for name, value in row.items() if name != "body"]
    match row.get("body"):
        case None if others and "body" not in row:
            return _from_fields(others, BadForm)
        case None:
            return Payload(b"")
        case dict() as document:
            return _from_fields([*document.items(), *others], BadJson)
        case str() | bytes() | bytearray() as body:
            body = body.encode(errors="replace") if isinstance(body, str) else bytes(body)
            picture, top_k = _unpack(body, content_type)
            return Payload(picture, (*top_k, *(value for name, value in others if name == TOP_K)))
    raise BadJson("it is not an object")


def _unpack(body: bytes, content_type: str) -> Payload:
    if not body or picture_format(body):
        return Payload(body)
    if multipart.boundary_of(body):
        return _from_fields(multipart.fields(body, content_type), BadForm)
    first = body[:64].lstrip(_AROUND_JSON)[:1]
    if first == b"{":
        return _from_json(body)
    if body.isascii():
        if base64_text.is_picture(body):
            return Payload(base64_text.decoded(body))
        if first in (b"[", b'"'):
            return _from_json(body)
        if pairs := _urlencoded(body):
            return _from_fields(pairs, BadForm)
    # It looks like nothing: so it is what its sender says it is.
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("multipart/"):
        return _from_fields(multipart.fields(body, content_type), BadForm)
    if media_type == "application/json":
        return _from_json(body)
    return Payload(body)


def _urlencoded(body: bytes) -> list[tuple[str, object]]:
    """The fields of a form that is not multipart; none where one of them may be mere text."""
    if not _FIRST_FIELD.match(body) or body.count(b"&") > multipart.MAX_FIELDS:
        return []
    if _BAD_ESCAPE.search(body):
        return []
    pairs: list[tuple[str, object]] = []
    for pair in body.replace(b"+", b" ").split(b"&"):
        name, _, text = pair.partition(b"=")
        value = unquote_to_bytes(text)
        if not picture_format(value):
            # It was a "+" that was not escaped: base64 has no spaces.
            value = value.replace(b" ", b"+")
        pairs.append((unquote_to_bytes(name).decode(errors="replace"), value))
    known = any(name in (*FIELDS, TOP_K) or _is_picture(value) for name, value in pairs)
    return pairs if known else []


def _from_json(body: bytes) -> Payload:
    try:
        # Objects become tuples of pairs, so that no key is lost that one has twice.
        document = json.loads(body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise BadJson("it is not valid JSON") from None
    match document:
        case tuple():
            return _from_fields(document, BadJson)
        case str():
            return Payload(base64_text.decoded(document))
        case list():
            raise BadJson("it is a list, and a request takes one picture")
    raise BadJson("it is not an object")


def _from_fields(fields: Fields, refusal: Callable[[str], ClientError]) -> Payload:
    """The one picture among named values: under its own name, or whatever else it is called."""
    pairs = [pair for pair in fields if pair[0] not in OF_BROWSERS]
    if len(pairs) > multipart.MAX_FIELDS:
        raise refusal(f"it has more than {multipart.MAX_FIELDS} fields")
    # As many clients send what was left out.
    top_k = tuple(value for name, value in pairs if name == TOP_K and value is not None)
    rest = [pair for pair in pairs if pair[0] != TOP_K]
    pictures: list[object] = []
    unknown: list[str] = []
    for name, value in rest:
        # An input of a page's form that nobody filled in, or FilePond's notes on the file.
        if value in ("", b"", b"{}", None):
            continue
        if name in FIELDS or _is_picture(value):
            pictures.append(value)
        else:
            unknown.append(name)
    if len(pictures) > 1:
        raise refusal(f"it has {len(pictures)} pictures, and a request takes one")
    if unknown:
        field = f"the field {shown(unknown[0])}" if shown(unknown[0]) else "one of its fields"
        raise refusal(f"{field} is unknown; besides the picture there is only '{TOP_K}'")
    if not pictures:
        if any(value is not None for _, value in rest):
            raise EmptyBody
        raise refusal("it has no picture")
    return Payload(_picture(pictures[0], refusal), top_k)


def _is_picture(value: object) -> bool:
    if isinstance(value, bytes | bytearray):
        return picture_format(bytes(value)) is not None or base64_text.is_picture(value)
    return isinstance(value, str) and base64_text.is_picture(value)


def _picture(value: object, refusal: Callable[[str], ClientError]) -> bytes:
    """Of a field. A form's may hold the bytes as they are."""
    if isinstance(value, bytes | bytearray) and not base64_text.is_picture(value):
        return bytes(value)
    if isinstance(value, str | bytes | bytearray):
        return base64_text.decoded(value)
    raise refusal("the picture is not a string")
