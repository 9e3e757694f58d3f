"""A picture written as text: base64, on its own or in a data: URI."""

import binascii
import re

from handler.errors import BadBase64
from handler.formats import picture_format

_DATA_URI = re.compile(rb"\s*data:[^,]*;base64,", re.IGNORECASE)
_BEGIN = 400  # letters, of 300 bytes: all that `picture_format` looks at

Text = str | bytes | bytearray


def decoded(text: Text) -> bytes:
    """The bytes. Raises BadBase64."""
    letters = _letters(text)
    uri = _DATA_URI.match(letters)
    try:
        # Line breaks are usual in base64 made by command-line tools.
        return _bytes(b"".join(letters[uri.end() if uri else 0 :].split()))
    except ValueError:
        raise BadBase64 from None


def is_picture(text: Text) -> bool:
    """Whether it is a data: URI in base64, or begins like a picture in base64."""
    begin = _letters(text[:_BEGIN])
    if _DATA_URI.match(begin):
        return True
    begin = b"".join(begin.split())
    try:
        return picture_format(_bytes(begin[: len(begin) // 4 * 4])) is not None
    except ValueError:
        return False


def _letters(text: Text) -> bytes:
    return text.encode(errors="replace") if isinstance(text, str) else bytes(text)


def _bytes(letters: bytes) -> bytes:
    return binascii.a2b_base64(letters, strict_mode=True)
