"""Which of a model's classes labelled pictures are of: by name, never by number or place."""

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from handler.labels import Label
from scripts.evaluating.model import Answers
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.pictures import Labelled, NotLabelled
from scripts.evaluating.results import Results

CLASS_ID = "class_id"  # a table's column whose labels are the model's own numbers


def matched(labelled: Labelled, labels: Sequence[Label]) -> dict[str, int]:
    """The class_id of each class that has pictures.

    By class, class_zh or wnid; where that is none, by the same whatever its case, and with _ for
    spaces. Raises NotLabelled where a name is none of the model's, or several of them.
    """
    candidates = _candidates(labelled, labels)
    unknown = [_with_nearest(name, labels) for name, ids in candidates.items() if not ids]
    if unknown:
        raise NotLabelled(
            f"Of {counted(len(candidates), 'class', 'classes')} of pictures {len(unknown)} "
            f"{'is' if len(unknown) == 1 else 'are'} none of the model's {len(labels)}: "
            f"{listed(unknown)}. Rename them as the model has them, or leave them out"
        )
    for name, ids in candidates.items():
        if len(ids) > 1:
            wnids = ", ".join(labels[i].wnid or str(i) for i in sorted(ids))
            raise NotLabelled(
                f"{name!r} may be any of {len(ids)} classes of the model ({wnids}). Name it by its "
                "wnid"
            )
    return known(labelled, labels)


def known(labelled: Labelled, labels: Sequence[Label]) -> dict[str, int]:
    """The same without those that are none of the model's."""
    candidates = _candidates(labelled, labels)
    return {name: min(ids) for name, ids in candidates.items() if len(ids) == 1}


def _candidates(labelled: Labelled, labels: Sequence[Label]) -> dict[str, set[int]]:
    """Every class_id that may be meant by each class that has pictures."""
    names = [name for name, count in labelled.counts.items() if count]
    if labelled.column == CLASS_ID:
        numbers = {str(class_id): {class_id} for class_id in range(len(labels))}
        return {name: numbers.get(name, set()) for name in names}
    exactly, loosely = _index(labels, _composed), _index(labels, _loose)
    return {
        name: exactly.get(_composed(name)) or loosely.get(_loose(name), set()) for name in names
    }


def results(
    labelled: Labelled, ids: dict[str, int], answers: Answers, labels: Sequence[Label]
) -> Results:
    """What the model answered for the pictures that could be read."""
    read = [labelled.pictures[i] for i in answers.read]
    return Results(
        classes=distinct([label.name for label in labels], labels),
        files=tuple(picture.path for picture in read),
        digests=tuple(answers.digests),
        labels=np.array([ids[picture.label] for picture in read], np.intp),
        probabilities=answers.probabilities,
    )


def distinct(names: Sequence[str], labels: Sequence[Label]) -> tuple[str, ...]:
    """Names that several classes have, with what tells them apart: ImageNet has two cranes."""
    return tuple(
        name if names.count(name) == 1 else f"{name} ({labels[i].wnid or i})"
        for i, name in enumerate(names)
    )


def _index(labels: Sequence[Label], key: Callable[[str], str]) -> dict[str, set[int]]:
    found = defaultdict[str, set[int]](set)
    for class_id, label in enumerate(labels):
        for name in filter(None, label):
            found[key(name)].add(class_id)
    return found


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def _loose(name: str) -> str:
    return " ".join(_composed(name).casefold().replace("_", " ").split())


def _with_nearest(name: str, labels: Sequence[Label]) -> str:
    names = _index(labels, _loose)
    near = difflib.get_close_matches(_loose(name), names, 1)
    return f"{name!r} (nearest: {labels[min(names[near[0]])].name})" if near else repr(name)
