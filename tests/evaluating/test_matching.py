"""Classes are found by name: whatever is missing, added or numbered otherwise."""

from pathlib import Path

import numpy as np
import pytest

from handler.labels import IMAGENET, Label, read_labels
from scripts.evaluating import figures, matching
from scripts.evaluating.labelled import Labelled, NotLabelled, Picture, read
from scripts.evaluating.model import Answers
from tests.evaluating.folders import write

LABELS = [
    Label("1", None, None),
    Label("2", None, None),
    Label("10", None, None),
    Label("golden retriever", "金毛犬", "n02099601"),
    Label("crane", "鹤", "n02012849"),
    Label("crane", "起重机", "n03126707"),
    Label("Polish", None, None),
    Label("polish", None, None),
]


def labelled(*names: str, column: str | None = None) -> Labelled:
    pictures = [Picture(Path(name, "1.png"), name) for name in names]
    return Labelled([*names], pictures, column=column)


@pytest.mark.parametrize(
    ("name", "class_id"),
    [
        *[("2", 1), ("10", 2), ("golden retriever", 3), ("Golden_Retriever", 3), ("金毛犬", 3)],
        *[("n02099601", 3), ("鹤", 4), ("n03126707", 5), ("Polish", 6), ("polish", 7)],
    ],
)
def test_by_name(name: str, class_id: int) -> None:
    assert matching.matched(labelled(name), LABELS) == {name: class_id}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["crane"], r"'crane' may be any of 2 classes of the model \(n02012849, n03126707\)"),
        (["POLISH"], "'POLISH' may be any of 2 classes"),
        (["0"], "Of 1 class of pictures 1 is none of the model's 8: '0'"),
        (["golden retreiver", "1"], r"'golden retreiver' \(nearest: golden retriever\)"),
        (["x", "y"], "Of 2 classes of pictures 2 are none of the model's 8: 'x', 'y'. Rename"),
    ],
)
def test_names_that_are_none_or_several(names: list[str], sentence: str) -> None:
    with pytest.raises(NotLabelled, match=sentence):
        matching.matched(labelled(*names), LABELS)


def test_what_an_older_version_knows() -> None:
    found = matching.known(labelled("1", "new", "crane", "polish"), LABELS)
    assert found == {"1": 0, "polish": 7}


def test_empty_folders_need_no_class() -> None:
    found = Labelled(["1", "notes"], [Picture(Path("1/1.png"), "1")])
    assert matching.matched(found, LABELS) == {"1": 0}


def test_numbers_count_where_a_table_says_class_id() -> None:
    assert matching.matched(labelled("7", "1", column="class_id"), LABELS) == {"7": 7, "1": 1}
    with pytest.raises(NotLabelled, match="2 are none of the model's 8: '8', 'x'"):
        matching.matched(labelled("7", "8", "x", column="class_id"), LABELS)


def test_every_imagenet_class_is_found_by_its_wnid() -> None:
    labels = read_labels(IMAGENET)
    wnids = [label.wnid or "" for label in labels]
    found = matching.matched(labelled(*sorted(wnids)), labels)
    assert [found[wnid] for wnid in wnids] == list(range(1000))


def test_a_validation_folder_without_a_class_leaves_the_others_figures(tmp_path: Path) -> None:
    """Classes 1, 2, 10, of which 2 has no folder: whoever counts folders takes 10 for 2."""
    labels = LABELS[:3]
    probabilities = np.eye(3, dtype=np.float32)

    def judged(*names: str) -> list[figures.ClassFigures]:
        folder = write(tmp_path / "-".join(names), [f"{name}/1.png" for name in names])
        found = read(folder)
        ids = matching.matched(found, labels)
        right = np.array([ids[picture.label] for picture in found.pictures])
        digests = [""] * len(right)
        nothing = np.empty((len(right), 1))
        places = [*range(len(right))]
        answers = Answers(places, digests, probabilities[right], nothing, nothing, None, [])
        return figures.per_class(matching.results(found, ids, answers, labels))

    whole, without = judged("1", "2", "10"), judged("1", "10")
    assert [whole[0], whole[2]] == [without[0], without[2]]
    assert without[1]["pictures"] == 0


def test_classes_of_the_same_name_stay_apart() -> None:
    nothing = np.empty((1, 1))
    answers = Answers([0], [""], np.eye(8, dtype=np.float32)[:1], nothing, nothing, None, [])
    found = matching.results(labelled("n02012849"), {"n02012849": 4}, answers, LABELS)
    assert found.classes[4:6] == ("crane (n02012849)", "crane (n03126707)")
    assert len(set(found.classes)) == len(LABELS)
