"""The pictures that a command line names: files, folders, standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path

from client.errors import ServiceError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}


def find_pictures(paths: list[str]) -> Iterator[str]:
    """Files as named, and what looks like a picture in folders, by name."""
    for path in paths:
        if path != "-" and Path(path).is_dir():
            yield from (
                str(file)
                for file in sorted(Path(path).rglob("*"))
                if file.suffix.lower() in SUFFIXES and file.is_file()
            )
        else:
            yield path


def read_picture(path: str) -> bytes:
    """The bytes of a file, or of standard input (-). Raises ServiceError."""
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise ServiceError("unreadable", f"can't be read: {error.strerror}") from error
