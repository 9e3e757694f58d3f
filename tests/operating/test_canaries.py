"""The pictures on which a new version has to prove itself."""

import json
import zipfile
from pathlib import Path

import pytest

from client.errors import ServiceError
from scripts.operating.canaries import find_canaries, read_answers, samples_in


def test_any_picture_is_a_canary(tmp_path: Path) -> None:
    for name in ("a.jpeg", "b.JPG", "c.webp", "README.txt"):
        (tmp_path / name).write_text("text")
    pictures = dict.fromkeys(("a.jpeg", "b.JPG", "c.webp"), b"text")
    assert find_canaries(tmp_path) == pictures


def test_what_was_taught_brings_its_own(tmp_path: Path) -> None:
    archive = tmp_path / "a.mar"
    with zipfile.ZipFile(archive, "w") as contents:
        for name in ("samples/0.jpg", "samples/1.jpg", "samples/more/2.jpg", "x/samples/3.jpg"):
            contents.writestr(name, name)
    assert samples_in(archive) == {"0.jpg": b"samples/0.jpg", "1.jpg": b"samples/1.jpg"}


def test_classes_are_known_by_their_names(tmp_path: Path) -> None:
    """A version that knows further ones has other numbers for them."""
    line = {"file": "folder/cat.jpg", "items": [{"class": "cat", "class_id": 7}]}
    failed = {"file": "folder/x.jpg", "error": "it can't be read"}
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps(line) + "\n" + json.dumps(failed) + "\n")
    assert read_answers(answers) == {"cat.jpg": "cat"}


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_there_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServiceError, match="There are no pictures"):
        find_canaries(tmp_path / name)
