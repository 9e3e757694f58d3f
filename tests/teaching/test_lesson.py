"""What the command is told, and what it is not told."""

from pathlib import Path

import pytest

from scripts.serving.variables import BadSetting
from scripts.teaching.lesson import Lesson, name_for, renames


@pytest.mark.parametrize("name", ["resnet18", "resnet18-fp32", "resnet18-int8"])
def test_imagenets_archives_are_not_replaced(name: str) -> None:
    with pytest.raises(BadSetting, match=f"NAME={name} is taken by the model of ImageNet's"):
        Lesson.of({"DATA": ".", "NAME": name})


@pytest.mark.parametrize("name", ["../up", "a/b", "two words", "猫", "x" * 300, ".hidden", "a\n"])
def test_names_that_can_not_be_in_an_address(name: str) -> None:
    with pytest.raises(BadSetting, match="a model's name is"):
        Lesson.of({"DATA": ".", "NAME": name})


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("ants_bees", "ants_bees"),
        ("my pictures (2)", "my_pictures_2"),
        ("v1.2", "v1.2"),
        ("x" * 200, "x" * 50),
    ],
)
def test_a_name_after_the_folder(data: str, name: str, tmp_path: Path) -> None:
    (tmp_path / data).mkdir()
    assert name_for(tmp_path / data) == name


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".zip"])
def test_a_name_after_a_file(suffix: str) -> None:
    assert name_for(Path("somewhere") / f"pets{suffix}") == "pets"


def test_a_folder_whose_name_gives_none() -> None:
    with pytest.raises(BadSetting, match="DATA=猫狗: give the model a name: NAME=mine"):
        name_for(Path("猫狗"))


def test_no_pictures() -> None:
    with pytest.raises(BadSetting, match="Which pictures"):
        Lesson.of({})


def test_renames() -> None:
    assert renames("wasps=insects, bees = insects") == {"wasps": "insects", "bees": "insects"}
    for text in ("", "a", "a=", "=b", "a=b,", "a=b,c"):
        with pytest.raises(ValueError, match="write old=new"):
            renames(text)
