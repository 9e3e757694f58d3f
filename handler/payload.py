"""The picture's bytes from a request body, whichever way the client packed them.

The body says what it is before its content type does: clients send pictures under any content
type or none (curl's default is that of a form), and a picture never looks like JSON or multipart.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping

from handler.errors import BadBase64, BadJson, BadMultipart, EmptyBody
from handler.formats import picture_format

FIELDS = ("data", "file")

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_FIELD_NAME = re.compile(rb';\s*name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_DATA_URI = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)


def picture_bytes(row: Mapping[str, object], content_type: str = "") -> bytes:
    """Bytes of the picture in one TorchServe request.

    `row` maps field names to what TorchServe parsed: `body` for everything that came through the
    gateway; from clients that call TorchServe directly, the form's own names or a JSON object that
    is already parsed. `content_type` is the client's. Raises a ClientError that names the cause.
    """
    value = next((row[name] for name in ("body", *FIELDS) if name in row), None)
    if isinstance(value, dict):
        return _from_object(value)
    if isinstance(value, str):
        value = value.encode(errors="replace")
    if value is not None and not isinstance(value, (bytes, bytearray)):
        raise BadJson("it is not an object")
    if not value:
        raise EmptyBody
    return _unpack(bytes(value), content_type)


def _unpack(body: bytes, content_type: str) -> bytes:
    if picture_format(body):
        return body
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return _from_multipart(body, content_type)
    if media_type == "application/json" or body.lstrip()[:1] == b"{":
        return _from_json(body)
    return body


def _from_multipart(body: bytes, content_type: str) -> bytes:
    """The first field named `data` or `file` (RFC 7578; delimiters as in RFC 2046, 5.1.1)."""
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        raise BadMultipart("its content type names no boundary")
    delimiter = b"\r\n--" + (boundary[1] or boundary[2]).encode()
    parts = (b"\r\n" + body).split(delimiter)
    if len(parts) < 3 or not parts[-1].startswith(b"--"):
        raise BadMultipart("it does not end with its boundary, so part of it is missing")
    for part in parts[1:-1]:
        head, blank_line, content = part.partition(b"\r\n\r\n")
        if not blank_line:
            raise BadMultipart("a part has no blank line between its headers and its content")
        if _field_name(head) in FIELDS:
            if not content:
                raise EmptyBody
            return content
    raise BadMultipart("none of its fields holds a picture")


def _field_name(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        header, _, value = line.partition(b":")
        if header.strip().lower() == b"content-disposition" and (name := _FIELD_NAME.search(value)):
            return bytes(name[1] or name[2] or b"").decode(errors="replace")
    return ""


def _from_json(body: bytes) -> bytes:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadJson("it is not valid JSON") from None
    if not isinstance(document, dict):
        raise BadJson("it is not an object")
    return _from_object(document)


def _from_object(document: Mapping[str, object]) -> bytes:
    text = document.get("data")
    if not isinstance(text, str):
        raise BadJson("it has no string under 'data'")
    if text[:5].lower() == "data:":
        uri = _DATA_URI.match(text)
        if not uri:
            raise BadBase64
        text = text[uri.end() :]
    try:
        # Line breaks are usual in base64 made by command-line tools.
        picture = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadBase64 from None
    if not picture:
        raise EmptyBody
    return picture
