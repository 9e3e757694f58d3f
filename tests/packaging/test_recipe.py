import subprocess
import sys
from pathlib import Path

import pytest

from handler.preset import IMAGENET, Preset
from scripts import ROOT
from scripts.packaging.recipe import Recipe
from scripts.serving.variables import BadSetting, environment_of


@pytest.mark.parametrize(
    ("environment", "name", "file"),
    [
        ({}, "resnet18", "resnet18-fp32.mar"),
        ({"PRECISION": "int8"}, "resnet18", "resnet18-int8.mar"),
        ({"NAME": "pets", "PRECISION": "int8"}, "pets", "pets.mar"),
        ({"MODEL": "pets"}, "pets", "pets.mar"),
        ({"MODEL": "pets", "NAME": "pets"}, "pets", "pets.mar"),
    ],
)
def test_names(environment: dict[str, str], name: str, file: str) -> None:
    recipe = Recipe.of(environment)
    assert (recipe.name, recipe.file_name) == (name, file)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"MODEL": "pets", "NAME": "dogs"}, "MODEL=pets and NAME=dogs mean the same"),
        ({"CROP": "31"}, "the number of pixels must be from 32 to 1024"),
        ({"INTERPOLATION": "nearest"}, "choose bilinear or bicubic"),
        ({"MEAN": "0.5"}, "three numbers from 0 to 1 are needed"),
        ({"MEAN": "red, green, blue"}, "three numbers from 0 to 1"),
        ({"MEAN": "123.7 116.3 103.5"}, "Of values from 0 to 255, divide them by 255"),
        ({"STD": "0 1 1"}, "three numbers from 0.001 to 1"),
    ],
)
def test_refused(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Recipe.of(environment)
    assert sentence in str(caught.value)


def test_what_is_given_comes_before_what_is_published() -> None:
    published = Preset(235, 224, "bicubic", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert Recipe().preset(published) == published
    environment = {"RESIZE": "232", "MEAN": "[0.1, 0.2,0.3]", "STD": "1 0.5 0.25"}
    recipe = Recipe.of(environment)
    assert recipe.preset(published) == Preset(232, 224, "bicubic", (0.1, 0.2, 0.3), (1, 0.5, 0.25))
    assert Recipe.of(environment_of(recipe)) == recipe
    with pytest.raises(ValueError, match="a crop of 300 pixels from a shorter side of 256"):
        Recipe.of({"CROP": "300"}).preset(IMAGENET)


def test_what_lies_beside_the_weights_is_part_of_its_identity(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.touch()
    recipe = Recipe.of({"WEIGHTS": str(weights)})
    before = recipe.identity()
    (tmp_path / "config.json").write_text("{}")
    assert recipe.identity() != before


def test_it_needs_nothing_that_is_installed() -> None:
    command = [sys.executable, "-S", "-c", "import scripts.packaging.recipe"]
    subprocess.run(command, cwd=ROOT, check=True)
