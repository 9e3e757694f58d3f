"""The fields of a multipart form (RFC 7578; delimiters as in RFC 2046, 5.1.1)."""

import binascii
import re
from collections.abc import Iterator

from handler.base64_text import decoded
from handler.errors import BadForm

MAX_FIELDS = 100
MAX_HEAD = 8192  # bytes, of a field's headers

# A form's own first lines: where its content type names no boundary, or another, it is here.
_BEGIN = re.compile(rb"\s*--(.{1,70}?)[ \t]*\r\n[^\0]*?content-disposition:", re.IGNORECASE)
_PARAMETER = re.compile(rb';\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')


def boundary_of(body: bytes) -> bytes:
    """By which a body without a content type shows that it is a form; empty where it is none."""
    begin = _BEGIN.match(body[:1000])
    return begin[1] if begin else b""


def fields(body: bytes, content_type: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each field, in order. Raises BadForm where it can't be read."""
    named = _parameter(content_type.encode("latin-1", "replace"), b"boundary")
    boundary = boundary_of(body) or named
    if not boundary:
        raise BadForm("its content type names no boundary")
    body, delimiter = b"\r\n" + body, b"\r\n--" + boundary
    if body.count(delimiter) > MAX_FIELDS + 1:  # the last one ends the form
        raise BadForm(f"it has more than {MAX_FIELDS} fields")
    parts = body.split(delimiter)
    if len(parts) < 3 and delimiter[1:] in parts[-1]:
        raise BadForm("its lines end with LF instead of CRLF")
    if len(parts) < 3 or not parts[-1].startswith(b"--"):
        raise BadForm("it does not end with its boundary, so part of it is missing")
    for part in parts[1:-1]:
        end = part.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            raise BadForm(
                f"a part has no blank line after its headers, or more than {MAX_HEAD} bytes of them"
            )
        yield _field(part[:end], part[end + 4 :])


def _field(head: bytes, content: bytes) -> tuple[str, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    name = _parameter(headers.get(b"content-disposition", b""), b"name").decode(errors="replace")
    # Out of use since RFC 7578, and still sent.
    match headers.get(b"content-transfer-encoding", b"").lower():
        case b"base64":
            content = decoded(content)
        case b"quoted-printable":
            content = binascii.a2b_qp(content)
    return name, content


def _parameter(header: bytes, name: bytes) -> bytes:
    """Of a header's value, such as `form-data; name="data"`; empty where it has none."""
    found = (match for match in _PARAMETER.finditer(header) if match[1].lower() == name)
    return next((match[2] or match[3] or b"" for match in found), b"")
