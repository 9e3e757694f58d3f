"""Which pictures of a folder are there more than once."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from handler.decoding import open_picture
from handler.engines.engine import Floats
from handler.errors import ClientError
from scripts.evaluating.files import pictures_below
from scripts.evaluating.grouping import groups, normalised
from scripts.evaluating.model import Model
from scripts.evaluating.pictures import Skipped


@dataclass(frozen=True)
class Member:
    """A picture of a group."""

    file: Path
    sha256: str
    bytes: int  # 0 where it can no longer be read
    width: int
    height: int
    similarity: float  # to the group's first
    is_copy: bool  # to the byte, of one before it in the group

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "file": str(self.file)}


@dataclass(frozen=True)
class Group:
    members: list[Member]  # the one with the most pixels first
    folders: list[str]  # in which they lie, below the folder that was searched: often classes

    def as_dict(self) -> dict[str, Any]:
        return {"folders": self.folders, "pictures": [one.as_dict() for one in self.members]}


@dataclass(frozen=True)
class Found:
    pictures: int  # that could be read
    groups: list[Group]  # of two or more, the largest first
    skipped: list[Skipped]

    @property
    def members(self) -> int:
        return sum(len(one.members) for one in self.groups)

    @property
    def copies(self) -> int:
        return sum(member.is_copy for one in self.groups for member in one.members)

    def as_dict(self) -> dict[str, Any]:
        return {
            "pictures": self.pictures,
            "groups": [one.as_dict() for one in self.groups],
            "skipped": [{"file": str(one.path), "reason": one.reason} for one in self.skipped],
        }


class Size(NamedTuple):
    """Of a picture; all 0 where it can no longer be read."""

    bytes: int
    width: int
    height: int

    @property
    def rank(self) -> tuple[int, int]:
        """The best of several comes first."""
        return -self.width * self.height, -self.bytes


def find(model: Model, folder: Path, threshold: float) -> Found:
    """Nothing is written into the folder. A file that can't be read is skipped and named."""
    paths, skipped = pictures_below(folder)
    answers = model.classify(paths, "read pictures")
    labels = groups(answers.embeddings, threshold)
    by_group = groupby(labels.argsort(kind="stable").tolist(), key=lambda i: int(labels[i]))
    several = [places for _, same in by_group if len(places := list(same)) > 1]
    files = [paths[i] for i in answers.read]
    directions = normalised(answers.embeddings)
    found = [_group(places, files, answers.digests, directions, folder) for places in several]
    found.sort(key=lambda group: -len(group.members))
    return Found(len(files), found, [*skipped, *answers.unreadable])


def _group(
    places: list[int], files: list[Path], digests: list[str], directions: Floats, folder: Path
) -> Group:
    sizes = {i: _size(files[i]) for i in places}
    # Of equals the one with the shorter name: copies are named after their original.
    places = sorted(places, key=lambda i: (*sizes[i].rank, len(files[i].name), i))
    similarities = (directions[places] @ directions[places[0]]).tolist()
    members, seen = list[Member](), set[str]()
    for i, similarity in zip(places, similarities, strict=True):
        digest = digests[i]
        alike = min(1.0, similarity)  # roundings
        members.append(Member(files[i], digest, *sizes[i], alike, digest in seen))
        seen.add(digest)
    folders = {files[i].parent.relative_to(folder).as_posix() for i in places}
    return Group(members, sorted(folders))


def _size(file: Path) -> Size:
    try:
        data = file.read_bytes()
        image, _ = open_picture(data)
    except (OSError, ClientError):
        return Size(0, 0, 0)
    return Size(len(data), image.width, image.height)
