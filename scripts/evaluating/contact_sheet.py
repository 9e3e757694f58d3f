"""Pictures side by side, each with what the model saw in it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handler.engines.engine import Floats
from handler.errors import ClientError
from handler.resizing import Pixels
from scripts.evaluating.thumbnails import thumbnail, with_heat_map

# A file and a class_id to what the network sees of it, uint8 [H, W, 3], and the class's heat map,
# [7, 7] in 0..1.
Look = Callable[[Path, int], tuple[Pixels, Floats]]


class Shown(NamedTuple):
    file: Path
    class_id: int  # of the heat map
    about: Mapping[str, Any]  # for the words beneath


class Cell(NamedTuple):
    """Of a sheet; the pictures are addresses that hold them, None where there is none."""

    name: str  # of the file, with its folder's
    picture: str | None
    heat_map: str | None
    about: Mapping[str, Any]


def sheet(pictures: Sequence[Shown], look: Look | None) -> list[Cell]:
    """In their order. A file that can't be read any more keeps its place, without a picture."""
    return [
        Cell(
            short_name(one.file),
            picture := thumbnail(one.file),
            _heat_map(one, look) if look and picture else None,
            one.about,
        )
        for one in pictures
    ]


def short_name(file: Path) -> str:
    """With its folder, which often is its class."""
    return "/".join(file.parts[-2:])


def _heat_map(one: Shown, look: Look) -> str | None:
    try:
        return with_heat_map(*look(one.file, one.class_id))
    except (OSError, ClientError):
        return None
