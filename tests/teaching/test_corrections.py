"""What people corrected, and when a version is better than the one before."""

import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from scripts.evaluating.record import Record
from scripts.evaluating.results import Results
from scripts.teaching.corrections import Verdict, compared, corrected, record_before
from scripts.teaching.examples import Examples
from tests.teaching.lessons import examples


def of_class(one: Examples, place: int, name: str) -> Examples:
    """One picture, of another class."""
    alone = one.where(np.arange(len(one)) == place)
    return replace(alone, classes=(name,), labels=np.zeros(1, np.intp))


def test_another_class_for_the_same_file() -> None:
    one = examples({"a": 3, "b": 3})
    found, [sentence] = corrected(one, of_class(one, 1, "b"))
    assert found.classes == ("a", "b")
    assert found.labels.tolist() == [0, 1, 0, 1, 1, 1]
    assert sentence == "corrections: 1 picture has another class now, 0 are new"


def test_new_pictures_and_a_new_class() -> None:
    one = examples({"a": 3, "b": 3})
    found, [sentence] = corrected(one, examples({"new": 2, "a": 1}, seed=1))
    assert found.counts == {"a": 4, "b": 3, "new": 2}
    assert found.classes == ("a", "b", "new")
    assert sentence == "corrections: 0 pictures have another class now, 3 are new"


def before(predicted: dict[str, str]) -> Record:
    judged = [{"sha256": digest, "predicted": name} for digest, name in predicted.items()]
    return cast(Record, {"version": "1.0", "judged": judged})


def results(labels: list[int], predicted: list[int]) -> Results:
    digests = tuple(map(str, range(len(labels))))
    probabilities = np.eye(2, dtype=np.float32)[predicted]
    return Results(("a", "b"), (), digests, np.array(labels), probabilities)


@pytest.mark.parametrize(
    ("old", "new", "is_worse", "sentence"),
    [
        (
            "aaaaaaaa",
            "bbbbbbbb",
            False,
            r"0 of the 8 .* 8 won, 0 lost \(McNemar's p = 0.0078",
        ),
        ("aabbbbbb", "bbbbbbbb", False, r"6 of the 8 .* 2 won, 0 lost, which may be chance"),
        ("bbbbbbbb", "bbbbbbbb", False, "8 of the 8 .* 0 won, 0 lost, which may be chance"),
        ("bbbbbbbb", "abbbbbbb", True, "8 of the 8 .* 0 won, 1 lost"),
        ("bbbb", "bbbbbbbb", False, "4 of the 4 pictures that both were judged with"),
    ],
)
def test_a_version_is_compared_with_the_one_before(
    old: str, new: str, is_worse: bool, sentence: str
) -> None:
    now = results([1] * len(new), ["ab".index(name) for name in new])
    found = compared(before(dict(zip("01234567", old, strict=False))), now, {})
    assert isinstance(found, Verdict)
    assert found.is_worse == is_worse
    assert re.search(sentence, found.sentence)


def test_a_renamed_class_was_right_before() -> None:
    found = compared(before({"0": "old"}), results([1], [1]), {"old": "b"})
    assert found
    assert "was right on 1 of the 1" in found.sentence


def test_nothing_to_compare(tmp_path: Path) -> None:
    assert record_before(tmp_path) is None
    (tmp_path / "report.json").write_text("{")
    assert record_before(tmp_path) is None
    now = results([1], [1])
    assert compared(None, now, {}) is None
    assert compared(before({"other": "a"}), now, {}) is None
