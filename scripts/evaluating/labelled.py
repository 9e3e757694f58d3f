"""Pictures whose class is known: class folders, or a table."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    path: Path
    label: str  # the class's name


@dataclass(frozen=True)
class Skipped:
    path: Path
    reason: str


@dataclass
class Labelled:
    """What was found; nothing of it was written to."""

    classes: list[str]  # in their natural order (1, 2, 10), empty ones too
    pictures: list[Picture]  # by class, then by name; whether each can be decoded is not known yet
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # sentences about how the folder was read
