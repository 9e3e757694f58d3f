"""The files that a table means, which may have been written on another machine."""

import os
import unicodedata
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

from scripts.evaluating.pictures import NotLabelled

MOST_FILES = 500_000  # that are looked through
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}


class FileNames:
    """Paths from a folder; Windows paths, and names that lack suffix or folder, where exactly one
    file in the folder fits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def looks_like_one(self, cell: str) -> bool:
        return PurePosixPath(cell).suffix.lower() in SUFFIXES

    def find(self, cell: str) -> list[Path]:
        """The file that is meant, or all that may be; empty where there is none."""
        if not cell:
            return []
        for spelling in (cell, cell.replace("\\", "/")):
            path = os.path.normpath(self._folder / spelling)
            # Unlike Path's method, this one raises nothing for a name that can't be.
            if os.path.isfile(path):  # noqa: PTH113
                return [Path(path)]
        parts = _parts(cell.replace("\\", "/"))
        return [path for path in self._by_name.get(parts[-1], ()) if self._fits(path, parts)]

    def _fits(self, path: Path, parts: tuple[str, ...]) -> bool:
        """Whether all that both say of the folders is the same."""
        there = _parts(path.relative_to(self._folder).as_posix())[:-1]
        common = min(len(there), len(parts) - 1)
        return not common or there[-common:] == parts[-common - 1 : -1]

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        """Files by their name, and by their name without its suffix."""
        found = defaultdict[str, list[Path]](list)
        count = 0
        for place, folders, files in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            count += len(files)
            if count > MOST_FILES:
                raise NotLabelled(
                    f"{self._folder} has over {MOST_FILES:,} files, too many to look for those of "
                    "the table. Put it beside its pictures"
                )
            for name in sorted(files):
                path = Path(place, name)
                found[_comparable(name)].append(path)
                if self.looks_like_one(name):  # x.xml beside x.jpg is no picture
                    found[_comparable(path.stem)].append(path)
        return found


def _parts(path: str) -> tuple[str, ...]:
    return tuple(map(_comparable, PurePosixPath(path).parts)) or ("",)


def _comparable(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
