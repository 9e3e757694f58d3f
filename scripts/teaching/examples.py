"""Labelled pictures as the network describes them; what was described once is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from handler.engines.engine import Floats
from handler.taught import described
from scripts.evaluating.pictures import Labelled, Skipped
from scripts.teaching.memory import Memory


@dataclass(frozen=True)
class Examples:
    """N pictures that could be read, of K classes."""

    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    digests: tuple[str, ...]  # sha256 of the files
    labels: NDArray[np.intp]  # [N], places in classes
    features: Floats  # [N, C]
    own: Floats  # [N, classes of the network]: its probabilities
    unreadable: tuple[Skipped, ...] = ()

    @property
    def described(self) -> Floats:
        """[N, C + classes of the network], as handler/taught.py has it."""
        return described(self.features, self.own)

    @property
    def counts(self) -> dict[str, int]:
        numbers = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, numbers, strict=True))

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """Those of the pictures alone; the classes stay."""
        places = np.flatnonzero(chosen)
        return replace(
            self,
            paths=tuple(self.paths[i] for i in places),
            digests=tuple(self.digests[i] for i in places),
            labels=self.labels[places],
            features=self.features[places],
            own=self.own[places],
        )

    def of_classes(self, classes: Sequence[str]) -> Self:
        """With other places for the same classes, or more of them, or without those of none."""
        places = {name: place for place, name in enumerate(classes)}
        place = np.array([places.get(name, -1) for name in self.classes], np.intp)
        return replace(self, classes=tuple(classes), labels=place[self.labels])


def look_at(labelled: Labelled, memory: Memory, renamed: Mapping[str, str], words: str) -> Examples:
    """Decode and describe every picture; progress on the terminal.

    renamed: classes that are called otherwise than in the folders.
    """
    seen = memory.look([picture.path for picture in labelled.pictures], words)
    names = [renamed.get(name, name) for name in labelled.classes]
    classes = tuple(dict.fromkeys(names))
    label_of = {old: classes.index(new) for old, new in zip(labelled.classes, names, strict=True)}
    found = [labelled.pictures[i] for i in seen.read]
    return Examples(
        classes,
        tuple(picture.path for picture in found),
        tuple(seen.digests),
        np.array([label_of[picture.label] for picture in found], np.intp),
        seen.features,
        seen.own,
        tuple(seen.unreadable),
    )


def mirror_images(examples: Examples, memory: Memory) -> Examples | None:
    """The same pictures, mirrored; None where somebody has had enough of waiting (Ctrl-C)."""
    try:
        seen = memory.look(examples.paths, "look at their mirror images", mirrored=True)
    except KeyboardInterrupt:
        print("\nGoing on without the mirror images", flush=True)
        return None
    if len(seen.read) < len(examples):  # a file has gone meanwhile
        return None
    return replace(examples, features=seen.features, own=seen.own)


def joined(first: Examples, second: Examples) -> Examples:
    """All pictures of both, which have the same classes."""
    return replace(
        first,
        paths=first.paths + second.paths,
        digests=first.digests + second.digests,
        labels=np.concatenate([first.labels, second.labels]),
        features=np.concatenate([first.features, second.features]),
        own=np.concatenate([first.own, second.own]),
        unreadable=first.unreadable + second.unreadable,
    )
