"""What is found in the pictures before anything is taught: sentences, and which belong together."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.evaluating.grouping import groups
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.pictures import Labelled
from scripts.teaching.examples import Examples, joined

FEWEST = 2  # pictures of a class: one can't be held out and taught
FEW = 10  # ... of which little can be said
IMBALANCE = 10  # the largest class to the smallest
NAMED = 5  # in a sentence
LEFT_OUT = 20  # files that are named


class TooFew(Exception):
    """Nothing can be taught; `str(error)` says why."""


def check(examples: Examples) -> None:
    """Raises TooFew."""
    counts = {name: count for name, count in examples.counts.items() if count}
    small = [f"{name!r} ({count})" for name, count in counts.items() if count < FEWEST]
    if len(counts) < 2:
        number = "only 1 class" if counts else "no class"
        raise TooFew(f"{number} has pictures that can be read; at least 2 are needed")
    if small:
        raise TooFew(
            f"{listed(small, NAMED)}: a class needs at least {FEWEST} different pictures that can "
            "be read, and 20 or more are better. Add some, or take the class out"
        )


def without_empty(examples: Examples) -> tuple[Examples, list[str]]:
    """The classes that have a picture which can be read; of others nothing can be learnt."""
    empty = [name for name, count in examples.counts.items() if not count]
    if not empty:
        return examples, []
    rest = examples.of_classes([name for name in examples.classes if name not in empty])
    return rest, [f"no class of the model, for want of pictures: {listed(empty, NAMED)}"]


def through(examples: Examples) -> tuple[Examples, NDArray[np.intp], list[str]]:
    """What of it is taught, which pictures belong together, and what is to be said of both.

    Raises TooFew.
    """
    examples, copies = without_copies(examples)
    examples, empty = without_empty(examples)
    check(examples)
    numbers, near = together(examples)
    return examples, numbers, [*copies, *empty, *about_counts(examples), *near]


def without_copies(examples: Examples) -> tuple[Examples, list[str]]:
    """One of each file within a class, and sentences about the copies."""
    first: dict[tuple[str, int], int] = {}
    keep = np.ones(len(examples), bool)
    where: dict[str, list[int]] = defaultdict(list)
    for i, (digest, label) in enumerate(zip(examples.digests, examples.labels, strict=True)):
        keep[i] = first.setdefault((digest, int(label)), i) == i
        if keep[i]:
            where[digest].append(i)
    found = []
    if copies := int((~keep).sum()):
        one = examples.paths[int(np.flatnonzero(~keep)[0])]
        found.append(
            f"{counted(copies, 'file is an exact copy', 'files are exact copies')} of others in "
            f"the same class; each picture counts once ({one.name}, for one)"
        )
    if torn := [places for places in where.values() if len(places) > 1]:
        names = [_pair(examples, places) for places in torn]
        found.append(
            f"{counted(len(torn), 'picture is', 'pictures are')} in several classes: "
            f"{listed(names, NAMED)}. If that is a slip, take each out of the wrong ones; if a "
            "picture shows several things, this kind of model can name only one"
        )
    return examples.where(keep), found


def _pair(examples: Examples, places: Sequence[int]) -> str:
    return " = ".join(_name(examples.paths[i]) for i in places)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def together(examples: Examples) -> tuple[NDArray[np.intp], list[str]]:
    """A number for each picture, the same for near duplicates; and sentences about them.

    Raises TooFew where all of them are.
    """
    numbers = groups(examples.features)
    if not numbers.any():
        raise TooFew(
            "all pictures are near duplicates of one another: there is nothing to tell apart. Add "
            "others"
        )
    members: dict[int, list[int]] = defaultdict(list)
    for i, number in enumerate(numbers.tolist()):
        members[number].append(i)
    near = [places for places in members.values() if len(places) > 1]
    if not near:
        return numbers, []
    count = sum(map(len, near))
    number = counted(count, "picture is a near duplicate", "pictures are near duplicates")
    sentence = (
        f"{number} of others, in {counted(len(near), 'group')}; they are held out together "
        f"({_pair(examples, near[0][:2])}, for one)"
    )
    found = [sentence]
    torn = [p for p in near if len(set(examples.labels[p].tolist())) > 1]
    if torn:
        pairs = [_pair(examples, _two_classes(examples, places)) for places in torn]
        found.append(
            f"{counted(len(torn), 'group')} of near duplicates with several classes: "
            f"{listed(pairs, NAMED)}. One of the labels may be wrong"
        )
    return numbers, found


def _two_classes(examples: Examples, places: Sequence[int]) -> list[int]:
    labels = examples.labels[list(places)]
    return [places[0], places[int(np.flatnonzero(labels != labels[0])[0])]]


def about_validation(judges: Examples, examples: Examples) -> list[str]:
    """What is different about the validation pictures' classes; they are matched by name."""
    found = []
    others = [f"{c} ({n})" for c, n in judges.counts.items() if n and c not in examples.classes]
    if others:
        found.append(f"VALIDATION has classes that DATA lacks, left out: {listed(others, NAMED)}")
    if lacking := [name for name in examples.classes if not judges.counts.get(name)]:
        found.append(f"VALIDATION has no pictures of {listed(lacking, NAMED)}")
    if judges.unreadable:
        names = [f"{one.path} {one.reason}" for one in judges.unreadable]
        number = counted(len(names), "validation picture was", "validation pictures were")
        found.append(f"{number} left out: {listed(names, NAMED)}")
    return found


def leaked(examples: Examples, validation: Examples) -> NDArray[np.bool_]:
    """Which validation pictures have a near duplicate among those that are taught."""
    numbers = groups(joined(examples, validation).features)
    leaks: NDArray[np.bool_] = np.isin(numbers[len(examples) :], numbers[: len(examples)])
    return leaks


def about(labelled: Labelled, examples: Examples) -> list[str]:
    """How the folder was read, and what in it can't be."""
    found = list(labelled.notes)
    if left_out := [*labelled.skipped, *examples.unreadable]:
        names = [f"{one.path} {one.reason}" for one in left_out]
        number = counted(len(names), "file was", "files were")
        found.append(f"{number} left out: {listed(names, LEFT_OUT)}")
    return found


def about_counts(examples: Examples) -> list[str]:
    """What the numbers of pictures say."""
    found = []
    counts = {name: count for name, count in examples.counts.items() if count}
    if few := [f"{name} ({count})" for name, count in counts.items() if count < FEW]:
        found.append(
            f"few pictures of {listed(few, NAMED)}: with under {FEW} a class is learnt badly, and "
            "hardly judged"
        )
    if counts and max(counts.values()) > IMBALANCE * min(counts.values()):
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        found.append(
            f"{most} has {counts[most]} pictures and {least} {counts[least]}: the accuracy is "
            f"mostly {most}'s. Look at each class's recall"
        )
    return found
