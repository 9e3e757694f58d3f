"""The pictures that a command line names: files, folders, standard input."""

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from client.errors import ServiceError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # that the service reads
LARGEST_FILE = 500_000_000  # bytes
MOST_KINDS = 8  # of what was left out
ANSWERED = "answered before"
HEAD = 64  # bytes in which every format shows itself

Image.init()
_SUFFIXES = {end for end, format in Image.registered_extensions().items() if format in FORMATS}


class Pictures:
    """Files as named; in folders, by name, what begins like a picture or claims by its suffix to
    be one, so that a damaged picture is not passed over; nothing twice.

    `skipped` counts what was left out, by what it was; `unreadable` has the folders that were.
    """

    def __init__(self, paths: list[str]) -> None:
        self.skipped: Counter[str] = Counter()
        self.unreadable: list[OSError] = []
        self.found: list[str] = []
        seen = set()
        for path in paths:
            # Unlike Path's methods, these two raise nothing for a name that can't be.
            is_folder = path != "-" and os.path.isdir(path)  # noqa: PTH112
            for picture in self._in_folder(Path(path)) if is_folder else [path]:
                place = os.path.abspath(picture)  # noqa: PTH100 - resolve() follows links
                if place in seen:
                    self.skipped["named twice"] += 1
                else:
                    seen.add(place)
                    self.found.append(picture)

    def told(self) -> str:
        """What was left out, for people; empty where nothing was."""
        kinds = [f"{number} {kind}" for kind, number in self.skipped.most_common(MOST_KINDS)]
        others = self.skipped.total() - sum(n for _, n in self.skipped.most_common(MOST_KINDS))
        return ", ".join([*kinds, f"{others} others"] if others else kinds)

    def leave_out(self, done: set[str]) -> None:
        """What an earlier run has answered."""
        left = [path for path in self.found if path not in done]
        if len(left) < len(self.found):
            self.skipped[ANSWERED] = len(self.found) - len(left)
        self.found = left

    def _in_folder(self, folder: Path) -> Iterator[str]:
        for place, folders, files in os.walk(folder, onerror=self.unreadable.append):
            here = Path(place)
            folders.sort()
            for name in [*folders]:
                why = "hidden" if name.startswith(".") else None
                if why is None and os.path.islink(here / name):  # noqa: PTH114
                    why = "link to a folder"  # which may lead back to here
                if why:
                    folders.remove(name)
                    self.skipped[why] += 1
            for name in sorted(files):
                why = "hidden" if name.startswith(".") else _why_not(here / name)
                if why:
                    self.skipped[why] += 1
                else:
                    yield str(here / name)


def _why_not(path: Path) -> str | None:
    """Why a file is left out; None: it is a picture, or claims to be one, or can't be read."""
    suffix = path.suffix.lower()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a regular file"
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None  # whoever reads it will say why
    if _is_heic(head):
        return "HEIC (export it as JPEG)"
    if suffix in _SUFFIXES or _is_picture(head):
        return None
    return suffix or "without a suffix" if head else "empty"


def _is_picture(head: bytes) -> bool:
    """By Pillow's own marks."""
    accepted = {name for name in FORMATS if (accept := Image.OPEN[name][1]) and accept(head)}
    # Text can begin with a bitmap's two letters.
    return bool(accepted) and (accepted != {"BMP"} or b"\0" in head)


def _is_heic(head: bytes) -> bool:
    """AVIF has the same box (ISO/IEC 14496-12, 4.3) with other brands."""
    brands = head[8 : int.from_bytes(head[:4], "big")]
    return head[4:8] == b"ftyp" and b"avi" not in brands and (b"hei" in brands or b"hev" in brands)


def read_picture(path: str) -> bytes:
    """The bytes of a file, or of standard input (-). Raises ServiceError."""
    if path == "-" and sys.stdin is None:
        raise ServiceError("unreadable", "can't be read: standard input is closed")
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ServiceError("unreadable", f"can't be read: {error.strerror}") from error
    if not data:
        raise ServiceError("empty_body", "is empty")
    if len(data) > LARGEST_FILE:
        raise ServiceError("body_too_large", f"has over {LARGEST_FILE:,} bytes")
    return data
