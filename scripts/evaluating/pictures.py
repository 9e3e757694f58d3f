"""What reading labelled pictures gives: pictures, what was left out, and what is to be told."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


class NotLabelled(Exception):
    """Nothing to teach or to judge with; `str(error)` says what was found and what to do."""


@dataclass(frozen=True)
class Picture:
    path: Path
    label: str  # the class's name


@dataclass(frozen=True)
class Skipped:
    path: Path
    reason: str  # "is hidden": a sentence with the path before it


@dataclass
class Labelled:
    """What was found; nothing of it was written to."""

    classes: list[str]  # in their natural order (1, 2, 10), empty ones too
    pictures: list[Picture]  # by class, then by name; whether each can be decoded is not known yet
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # sentences about how the folder was read
    validation: Path | None = None  # a folder beside, with pictures of the same classes
    column: str | None = None  # the name of the table's column that has the labels

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each class, in the order of the classes."""
        found = Counter(picture.label for picture in self.pictures)
        return {name: found[name] for name in self.classes}
