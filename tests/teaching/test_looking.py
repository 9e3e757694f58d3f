"""What is found in pictures before anything is taught."""

from dataclasses import replace

import numpy as np
import pytest

from scripts.evaluating.pictures import NotLabelled
from scripts.teaching.examples import Examples, joined
from scripts.teaching.looking import TooFew, leaked, through
from scripts.teaching.material import of_the_classes
from tests.teaching.lessons import examples


def apart(counts: dict[str, int], seed: int = 0) -> Examples:
    """No two of the pictures are near duplicates."""
    one = examples(counts, seed=seed)
    features = np.random.default_rng(seed).normal(size=(len(one), 64)).astype(np.float32)
    return replace(one, features=features)


def test_copies_count_once() -> None:
    one = apart({"a": 10, "b": 10})
    found, _, sentences = through(joined(one, one.where(one.labels == 0)))
    assert found.counts == {"a": 10, "b": 10}
    [sentence] = sentences
    assert sentence.startswith("10 files are exact copies of others in the same class; ")


def test_a_picture_in_several_classes() -> None:
    """Both readings are told: a slip, or a picture that shows several things."""
    one = apart({"a": 10, "b": 10})
    twin = replace(one.where(np.arange(20) == 0), labels=np.array([1]))
    found, groups, sentences = through(joined(one, twin))
    assert len(found) == 21
    assert groups[0] == groups[20]
    assert sentences[0].startswith("1 picture is in several classes: a/0.jpg = a/0.jpg. If that is")
    assert "can name only one" in sentences[0]


def test_near_duplicates_are_held_out_together() -> None:
    one = apart({"a": 10, "b": 10})
    one.features[[3, 12]] = one.features[2] * 1.01
    _, groups, sentences = through(one)
    assert len(set(groups[[2, 3, 12]])) == 1
    assert len(set(groups)) == 18
    assert sentences[0].startswith("3 pictures are near duplicates of others, in 1 group")
    assert "1 group of near duplicates with several classes: a/2.jpg = b/12.jpg" in sentences[1]


def test_nothing_but_near_duplicates() -> None:
    one = apart({"a": 3, "b": 3})
    one.features[:] = one.features[0]
    with pytest.raises(TooFew, match="all pictures are near duplicates of one another"):
        through(one)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"a": 5, "b": 1}, r"'b' \(1\): a class needs at least 2 different pictures"),
        ({"a": 5, "b": 0}, r"only 1 class has pictures that can be read; at least 2 are needed"),
        ({"a": 0, "b": 0}, r"no class has pictures that can be read"),
        ({str(i): 1 for i in range(9)}, r"'4' \(1\) and 4 more: a class needs"),
    ],
)
def test_too_few(counts: dict[str, int], sentence: str) -> None:
    with pytest.raises(TooFew, match=sentence):
        through(apart(counts))


def test_a_class_without_pictures_is_none() -> None:
    found, _, sentences = through(apart({"a": 12, "empty": 0, "b": 12}))
    assert found.classes == ("a", "b")
    assert found.labels.tolist() == [0] * 12 + [1] * 12
    assert sentences == ["no class of the model, for want of pictures: empty"]


def test_few_and_uneven() -> None:
    _, _, sentences = through(apart({"many": 200, "few": 5}))
    assert sentences[0].startswith("few pictures of few (5): with under 10 a class is learnt badly")
    assert sentences[1].startswith("many has 200 pictures and few 5: the accuracy is mostly many's")


def test_classes_of_validation_are_matched_by_name() -> None:
    """One lacks, one is too many, all have other numbers."""
    one, judges = apart({"1": 9, "2": 9, "10": 9}), apart({"10": 4, "more": 2, "1": 3}, seed=1)
    found, sentences = of_the_classes(judges, one)
    assert found.classes == ("1", "2", "10")
    assert found.counts == {"1": 3, "2": 0, "10": 4}
    assert sentences == [
        "VALIDATION has classes that DATA lacks, left out: more (2)",
        "VALIDATION has no pictures of 2",
    ]


def test_what_is_taught_does_not_judge() -> None:
    one, judges = apart({"a": 9, "b": 9}), apart({"a": 4, "b": 4}, seed=1)
    judges.features[:3] = one.features[:3]
    assert leaked(one, judges).tolist() == [True] * 3 + [False] * 5
    found, sentences = of_the_classes(judges, one)
    assert len(found) == 5
    [sentence] = sentences
    assert sentence.startswith("3 validation pictures have a near duplicate among the pictures")
    with pytest.raises(NotLabelled, match="no picture of these classes that is not taught as well"):
        of_the_classes(one, one)
