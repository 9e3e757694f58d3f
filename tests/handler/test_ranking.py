import numpy as np
import pytest
import torch

from handler.errors import BadTopK
from handler.labels import Label
from handler.ranking import parse_top_k, rank

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


@pytest.mark.parametrize(("text", "top_k"), [("1", 1), ("5", 5), ("007", 7), ("1000", 1000)])
def test_top_k_from_the_client(text: str, top_k: int) -> None:
    assert parse_top_k(text, 3, 1000) == top_k


@pytest.mark.parametrize(
    "text",
    ["0", "1001", "x", "", " 3", "3 ", "³", "\u0663", "-1", "+3", "1e3", "3.0", "1_0", "9" * 5000],
)
def test_bad_top_k(text: str) -> None:
    with pytest.raises(BadTopK, match="a whole number from 1 to 1000"):
        parse_top_k(text, 3, 1000)


@pytest.mark.parametrize(("classes", "top_k"), [(1000, 3), (3, 3), (2, 2), (1, 1)])
def test_default_top_k_is_at_most_the_number_of_classes(classes: int, top_k: int) -> None:
    assert parse_top_k(None, 3, classes) == top_k


def test_top_k_is_limited_by_a_small_classifier() -> None:
    with pytest.raises(BadTopK, match="from 1 to 2"):
        parse_top_k("3", 3, 2)
