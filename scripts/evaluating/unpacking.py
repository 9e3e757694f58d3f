"""A zip with class folders, unpacked where its pictures can be read."""

import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from client.pictures import LARGEST_FILE
from scripts.evaluating.pictures import NotLabelled
from scripts.serving.archives import UNREADABLE

MOST_FILES = 100_000
MOST_BYTES = 20_000_000_000  # in all, unpacked
ENCRYPTED = 1  # the bit among a member's flags


def unpack(archive: Path, into: Path) -> Path:
    """The folder that has the class folders: where one wraps all of them, that.

    Raises NotLabelled for what would write elsewhere, or without end, or is damaged.
    """
    try:
        with _opened(archive) as contents:
            members = contents.infolist()
            for member in members:
                member.filename = member.filename.replace("\\", "/")  # some write Windows' own
            _check(archive, members, shutil.disk_usage(into).free)
            for member in members:
                contents.extract(member, into)
    except UNREADABLE as error:
        raise NotLabelled(f"{archive} is damaged, or no zip: {error}. Make it again") from error
    names = {path.name for path in into.iterdir()} - {"__MACOSX"}
    only = into / names.pop() if len(names) == 1 else into
    wraps = only.is_dir() and all(inner.is_dir() or _is_hidden(inner) for inner in only.iterdir())
    return only if wraps and any(inner.is_dir() for inner in only.iterdir()) else into


def _opened(archive: Path) -> zipfile.ZipFile:
    """Names that don't say in which letters they are mostly are in UTF-8, as macOS writes them."""
    try:
        return zipfile.ZipFile(archive, metadata_encoding="utf-8")
    except UnicodeDecodeError:
        return zipfile.ZipFile(archive)


def _check(archive: Path, members: list[zipfile.ZipInfo], free: int) -> None:
    """Raises NotLabelled. Of each member no more is unpacked than the size it says it has."""
    size = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or size > MOST_BYTES:
        raise NotLabelled(
            f"{archive} has {len(members):,} files of {size / 1e9:.1f} GB in all; the limits are "
            f"{MOST_FILES:,} and {MOST_BYTES / 1e9:.0f} GB. Unpack it yourself, and name the folder"
        )
    if size > free:
        raise NotLabelled(
            f"{archive} needs {size / 1e9:.1f} GB to be unpacked; {free / 1e9:.1f} GB are free. "
            "Make room; TMPDIR names another folder for temporary files"
        )
    for member in members:
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or re.match("[A-Za-z]:", member.filename):
            raise NotLabelled(f"{archive} would write outside of its folder: {member.filename!r}")
        if member.file_size > LARGEST_FILE:
            raise NotLabelled(
                f"{archive}: {member.filename!r} has {member.file_size / 1e6:,.0f} MB unpacked: it "
                "is no picture"
            )
        if member.flag_bits & ENCRYPTED:
            raise NotLabelled(f"{archive} asks for a password. Make it again without one")


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")
