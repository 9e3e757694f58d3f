import re
from pathlib import Path

import pytest

from handler.labels import IMAGENET, Label, read_labels
from scripts.packaging.reference import WEIGHTS


def written(directory: Path, content: bytes) -> Path:
    path = directory / "labels.tsv"
    path.write_bytes(content)
    return path


def test_imagenet_names_are_torchvisions() -> None:
    assert [label.name for label in read_labels(IMAGENET)] == WEIGHTS.meta["categories"]


def test_imagenet_chinese_names_tell_all_classes_apart() -> None:
    names = [label.name_zh or "" for label in read_labels(IMAGENET)]
    assert len(set(names)) == 1000
    # What has no Chinese name is called by its own.
    assert [name for name in names if not re.search("[\u4e00-\u9fff]", name)] == ["iPod"]


def test_imagenet_wnids_are_distinct() -> None:
    wnids = [label.wnid or "" for label in read_labels(IMAGENET)]
    assert len(set(wnids)) == 1000
    assert [wnid for wnid in wnids if not re.fullmatch(r"n\d{8}", wnid)] == []


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ("cat\ndog\n", [Label("cat", None, None), Label("dog", None, None)]),
        ("cat\ndog", [Label("cat", None, None), Label("dog", None, None)]),
        ("cat\t猫\n", [Label("cat", "猫", None)]),
        ("cat\t猫\tn02121808\n", [Label("cat", "猫", "n02121808")]),
        ("cat\t\tn02121808\n", [Label("cat", None, "n02121808")]),
        ("cat\n狗\t狗\n", [Label("cat", None, None), Label("狗", "狗", None)]),
        (" guinea pig \t 豚鼠 \n", [Label("guinea pig", "豚鼠", None)]),
        ("\ufeffcat\n", [Label("cat", None, None)]),
        ("cat\t猫\r\ndog\r\n", [Label("cat", "猫", None), Label("dog", None, None)]),
    ],
    ids=[
        "one column",
        "no final line break",
        "two columns",
        "three columns",
        "empty column",
        "columns vary by line",
        "spaces around",
        "byte order mark",
        "CRLF",
    ],
)
def test_custom_labels(tmp_path: Path, content: str, labels: list[Label]) -> None:
    assert read_labels(written(tmp_path, content.encode())) == labels


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("cat\n\ndog\n", 2),
        ("cat\ndog\n\n", 3),
        ("cat\n \t \n", 2),
        ("\t猫\tn02121808\n", 1),
        ("cat\ndog\ncow\t牛\tn1\tmore\n", 3),
    ],
    ids=["blank", "blank at the end", "spaces only", "no name", "four columns"],
)
def test_the_error_names_the_wrong_line(tmp_path: Path, content: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"labels\.tsv, line {line}: expected a name"):
        read_labels(written(tmp_path, content.encode()))


def test_labels_that_are_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"labels\.tsv: not UTF-8 .* at byte 4"):
        read_labels(written(tmp_path, "cat\n狗\n".encode("gb18030")))
