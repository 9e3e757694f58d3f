"""Folders as people have them: which files in them are pictures, and why the others are not."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from handler.errors import FORMATS
from handler.formats import picture_format
from scripts.evaluating.class_names import natural
from scripts.evaluating.pictures import Skipped

# Bytes in which every format shows itself.
HEAD = 256
# What systems leave behind; names that begin with a dot are hidden, and need no mention.
LEFT_BEHIND = {
    "__macosx": "macOS's own notes on files",
    "thumbs.db": "Windows' cache of thumbnails",
    "desktop.ini": "Windows' settings of a folder",
    "@eadir": "a NAS's cache of thumbnails",
}

Identity = tuple[int, int]  # of a file or folder, by whatever name: device and inode


class Contents(NamedTuple):
    """Of one folder, each in natural order."""

    folders: list[Path]
    pictures: list[Path]
    skipped: list[Skipped]


def contents(folder: Path) -> Contents:
    """What lies in it, without its subfolders' contents. Links are followed."""
    found = Contents([], [], [])
    try:
        paths = sorted(folder.iterdir(), key=lambda path: natural(path.name))
    except OSError as error:
        found.skipped.append(Skipped(folder, f"can't be read: {error.strerror}"))
        return found
    for path in paths:
        reason = _left_behind(path.name)
        try:
            is_folder = reason is None and stat.S_ISDIR(path.stat().st_mode)
        except OSError:
            is_folder = False  # `why_not` says what it is
        if is_folder:
            found.folders.append(path)
        elif reason := reason or why_not(path):
            found.skipped.append(Skipped(path, reason))
        else:
            found.pictures.append(path)
    return found


def pictures_below(
    folder: Path, above: Iterable[Identity] = ()
) -> tuple[list[Path], list[Skipped]]:
    """Those in it and in its subfolders, by name.

    above: the folders that it lies in: a link that leads back to one of them, or to a folder that
    is read already, is not followed.
    """
    pictures, skipped, seen, waiting = list[Path](), list[Skipped](), set(above), [folder]
    while waiting:
        place = waiting.pop()
        about = place.stat()
        if (about.st_dev, about.st_ino) in seen:
            skipped.append(Skipped(place, "leads back to a folder that is read already"))
            continue
        seen.add((about.st_dev, about.st_ino))
        found = contents(place)
        waiting += found.folders
        pictures += found.pictures
        skipped += found.skipped
    return sorted(pictures, key=lambda path: natural(path.as_posix())), skipped


def ancestry(folder: Path) -> set[Identity]:
    """The folder and all that it lies in."""
    places = (folder.resolve(), *folder.resolve().parents)
    return {(about.st_dev, about.st_ino) for about in (place.stat() for place in places)}


def why_not(path: Path) -> str | None:
    """Why a file is no picture, as far as its first bytes tell; None: it looks like one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "is not a regular file"
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        if path.is_symlink():
            return "is a link that leads nowhere"
        return f"can't be read: {error.strerror}"
    if not head:
        return "is empty"
    if picture_format(head):
        return None
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself: git lfs pull"
    if head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return "is HEIC: export it as JPEG"
    return f"is not {FORMATS}"


def _left_behind(name: str) -> str | None:
    if name.startswith("."):
        return "is hidden"
    what = LEFT_BEHIND.get(name.lower())
    return f"is {what}" if what else None
