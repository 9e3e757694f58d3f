"""What people corrected, and whether a new version is better than the one before."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.evaluating import figures, record
from scripts.evaluating.phrases import counted
from scripts.evaluating.record import Record
from scripts.evaluating.results import Results
from scripts.teaching.examples import Examples, joined


class Verdict(NamedTuple):
    is_worse: bool  # of what both were judged with, fewer right
    sentence: str


def corrected(examples: Examples, corrections: Examples) -> tuple[Examples, list[str]]:
    """With the corrections' classes for the same files, and their other pictures added."""
    classes = tuple(dict.fromkeys([*examples.classes, *corrections.classes]))
    examples, corrections = examples.of_classes(classes), corrections.of_classes(classes)
    right: Mapping[str, int] = dict(
        zip(corrections.digests, corrections.labels.tolist(), strict=True)
    )
    labels = np.array(
        [right.get(d, old) for d, old in zip(examples.digests, examples.labels, strict=True)],
        np.intp,
    )
    changed = int((labels != examples.labels).sum())
    known = set(examples.digests)
    new = corrections.where(np.array([d not in known for d in corrections.digests], bool))
    sentence = (
        f"corrections: {counted(changed, 'picture has', 'pictures have')} another class now, "
        f"{counted(len(new), 'is', 'are')} new"
    )
    return joined(replace(examples, labels=labels), new), [sentence]


def record_before(folder: Path) -> Record | None:
    """What is written down of the version before; None where there is none that can be read."""
    try:
        return record.read(folder / "report.json")
    except record.BadReport:
        return None


def compared(before: Record | None, results: Results, renamed: Mapping[str, str]) -> Verdict | None:
    """On the pictures that both were judged with, neither having been taught with them.

    What is right is what is right now: a corrected picture counts with its new class. None: there
    is nothing to compare.
    """
    if before is None:
        return None
    old = {
        one["sha256"]: renamed.get(one["predicted"], one["predicted"]) for one in before["judged"]
    }
    was, now = [], []
    for digest, label, right in zip(
        results.digests, results.labels.tolist(), results.is_right.tolist(), strict=True
    ):
        if digest in old:
            was.append(old[digest] == results.classes[label])
            now.append(right)
    if not was:
        return None
    first, second = np.array(was), np.array(now)
    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    p = figures.mcnemar(lost, won)
    believed = "" if p < figures.SIGNIFICANT else ", which may be chance"
    sentence = (
        f"Version {before['version']} was right on {int(first.sum()):,} of the {len(first):,} "
        f"pictures that both were judged with, this one is on {int(second.sum()):,}: {won} won, "
        f"{lost} lost{believed} (McNemar's p = {p:.2g})"
    )
    return Verdict(lost > won, sentence)
