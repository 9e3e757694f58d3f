"""What is taught and what judges: read, described, looked through."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.evaluating.class_names import class_name
from scripts.evaluating.labelled import read
from scripts.evaluating.model import Model
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.pictures import NotLabelled
from scripts.teaching import looking
from scripts.teaching.corrections import corrected
from scripts.teaching.examples import Examples, look_at, mirror_images
from scripts.teaching.lesson import Lesson
from scripts.teaching.memory import Memory


@dataclass(frozen=True)
class Material:
    """What is taught, and what judges."""

    examples: Examples
    groups: NDArray[np.intp]  # [N], the same for near duplicates
    validation: Examples | None
    mirrored: Examples | None
    place: Path | None  # of the validation pictures
    findings: list[str] = field(default_factory=list)


def look(lesson: Lesson, scratch: Path, began: float) -> Material:
    """Read every picture, and say what was found.

    Its mirror images are looked at too where that leaves most of the time.
    """
    for name in ("data", "corrections", "validation"):
        (scratch / name).mkdir()
    labelled = read(lesson.data, scratch=scratch / "data")
    renamed = {old: class_name(new, "RENAME") for old, new in lesson.renamed.items()}
    if unknown := [name for name in renamed if name not in labelled.classes]:
        raise NotLabelled(
            f"RENAME: there is no class {listed(unknown)}; there are {listed(labelled.classes)}"
        )
    with Model(lesson.base) as model:
        memory = Memory(model, lesson.folder / "descriptions.npz")
        examples = look_at(labelled, memory, renamed, "look at the pictures")
        findings = looking.about(labelled, examples)
        if lesson.corrections:
            others = read(lesson.corrections, least_classes=1, scratch=scratch / "corrections")
            right = look_at(others, memory, renamed, "look at the corrections")
            findings += looking.about(others, right)
            examples, found = corrected(examples, right)
            findings += found
        examples, groups, found = looking.through(examples)
        findings += found
        validation = None
        place = lesson.validation or labelled.validation
        if place:
            others = read(place, least_classes=1, scratch=scratch / "validation")
            judges = look_at(others, memory, renamed, "look at the validation pictures")
            validation, found = of_the_classes(judges, examples)
            findings += found
        mirrored = None
        seconds = 2 * len(examples) * memory.seconds_a_picture
        if time.monotonic() - began + seconds < 60 * lesson.minutes / 2:
            mirrored = mirror_images(examples, memory)
        memory.keep()
    return Material(examples, groups, validation, mirrored, place, findings)


def of_the_classes(judges: Examples, examples: Examples) -> tuple[Examples, list[str]]:
    """The validation pictures of classes that are taught, and without near duplicates of what is.

    Matched by name. Raises NotLabelled where none are left.
    """
    found = looking.about_validation(judges, examples)
    known = np.isin(
        judges.labels, [i for i, c in enumerate(judges.classes) if c in examples.classes]
    )
    judges = judges.where(known)
    judges = judges.of_classes([*examples.classes, *set(judges.classes) - set(examples.classes)])
    leaks = looking.leaked(examples, judges)
    if leaks.any():
        found.append(
            f"{counted(int(leaks.sum()), 'validation picture has', 'validation pictures have')} a "
            "near duplicate among the pictures that are taught: left out of all figures"
        )
    judges = replace(judges.where(~leaks), classes=examples.classes)
    if not len(judges):
        raise NotLabelled("VALIDATION has no picture of these classes that is not taught as well")
    return judges, found
