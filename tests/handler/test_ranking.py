import numpy as np
import pytest
import torch

from handler.labels import Label
from handler.ranking import rank

LABELS = [Label(f"class {i}", f"类 {i}", f"n{i:08}") for i in range(1000)]


@pytest.mark.parametrize("top_k", [1, 3, 1000])
def test_rank_agrees_with_torch(top_k: int) -> None:
    generator = torch.Generator().manual_seed(0)
    # A permutation of distinct scores: topk leaves the order of equals open.
    scores = torch.randperm(1000, generator=generator).float() / 1000
    best = torch.topk(scores, top_k)

    items = rank(scores.numpy(), LABELS, top_k)

    assert [item["class_id"] for item in items] == best.indices.tolist()
    assert [item["confidence"] for item in items] == pytest.approx(best.values.tolist(), abs=1e-6)


def test_equals_come_in_order_of_class_id() -> None:
    probabilities = np.full(1000, 0.25, np.float32)
    probabilities[[999, 4, 500]] = 0.5
    ids = [item["class_id"] for item in rank(probabilities, LABELS, 5)]
    assert ids == [4, 500, 999, 0, 1]


def test_an_item_carries_its_label() -> None:
    labels = [Label("cat", "猫", "n02121808"), Label("dog", None, None)]
    assert rank(np.array([0.25, 0.75], np.float32), labels, 2) == [
        {"class": "dog", "class_zh": None, "class_id": 1, "wnid": None, "confidence": 0.75},
        {"class": "cat", "class_zh": "猫", "class_id": 0, "wnid": "n02121808", "confidence": 0.25},
    ]


def test_confidence_has_six_digits() -> None:
    # float32 0.1 is 0.10000000149 as a double, which is what JSON would show.
    [item] = rank(np.array([0.1], np.float32), LABELS[:1], 1)
    assert item["confidence"] == 0.1
