"""From probabilities to the ranked classes of an answer."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from handler.errors import BadTopK
from handler.labels import Label

# class is a keyword, hence the functional form.
Item = TypedDict(
    "Item",
    {
        "class": str,
        "class_zh": str | None,
        "class_id": int,
        "wnid": str | None,
        "confidence": float,
        "heatmap": NotRequired[list[list[float]]],
    },
)


def parse_top_k(text: str | None, default: int, classes: int) -> int:
    """How many items to answer with. text: what the client sent, None where it sent nothing."""
    if text is None:
        return min(default, classes)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= classes):
        raise BadTopK(classes)
    return int(text)


def rank(probabilities: NDArray[np.float32], labels: Sequence[Label], top_k: int) -> list[Item]:
    """The `top_k` best classes, best first, ties in order of class_id.

    probabilities: float32 [classes], as many as labels.
    """
    best = np.argsort(-probabilities, kind="stable")[:top_k]
    return [
        {
            "class": labels[i].name,
            "class_zh": labels[i].name_zh,
            "class_id": i,
            "wnid": labels[i].wnid,
            "confidence": round(float(probabilities[i]), 6),
        }
        for i in best.tolist()
    ]
