"""From probabilities to the ranked classes of an answer."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

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
        "none_of_these": NotRequired[float],  # see NoneOfThese in handler/model_card.py
    },
)


def rank(
    probabilities: NDArray[np.float32],
    labels: Sequence[Label],
    top_k: int,
    none_of_these: float | None = None,
) -> list[Item]:
    """The `top_k` best classes, best first, ties in order of class_id.

    probabilities: float32 [classes], as many as labels. none_of_these: of the picture, for each.
    """
    best = np.argsort(-probabilities, kind="stable")[:top_k]
    items: list[Item] = [
        {
            "class": labels[i].name,
            "class_zh": labels[i].name_zh,
            "class_id": i,
            "wnid": labels[i].wnid,
            "confidence": round(float(probabilities[i]), 6),
        }
        for i in best.tolist()
    ]
    if none_of_these is not None:
        for item in items:
            item["none_of_these"] = round(none_of_these, 6)
    return items
