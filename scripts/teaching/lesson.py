"""What a model is taught from: the source of the command's options and of make's variables."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, get_args

from handler.model_card import Precision
from scripts.packaging.recipe import IMAGENET, WORD, Recipe
from scripts.serving import variables as v
from scripts.serving.archives import MODEL_STORE
from scripts.serving.variables import NAME, BadSetting, variable


def renames(text: str) -> dict[str, str]:
    """OLD=NEW,…: two with the same new name become one class. Raises ValueError."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(old.strip() and new.strip() for old, _, new in pairs):
        raise ValueError("write old=new, with commas between several: wasps=insects,bees=insects")
    return {old.strip(): new.strip() for old, _, new in pairs}


def _checked(text: str) -> str:
    renames(text)
    return text


def _existing(text: str) -> Path:
    path = v.path(text)
    if not path.exists():
        raise ValueError("there is no such folder or file")
    return path


@dataclass(frozen=True)
class Lesson:
    data: Path = variable(_existing, "your pictures: a folder of class folders, a CSV or a zip")
    name: str | None = variable(
        v.matching(NAME, f"a model's name is {WORD}"), "name of the model", words="the folder's"
    )
    validation: Path | None = variable(
        _existing,
        "teach: pictures to judge it with, in the same form; none of them is taught",
        words="those of DATA, each by a model that was not taught with it",
    )
    corrections: Path | None = variable(
        _existing, "teach: pictures with their right classes: class folders, a CSV or a zip"
    )
    rename: str | None = variable(
        _checked, "teach: classes with other names than their folders: old=new,old2=new"
    )
    version: str | None = variable(
        v.matching(NAME, f"a version is {WORD}"), "version of the model", words="one after the last"
    )
    labels: Path | None = variable(
        v.existing_file, "teach: second names: a class a line, a tab, its Chinese name"
    )
    precision: Precision = variable(v.one_of(*get_args(Precision)), "fp32 or int8", default="fp32")
    minutes: int = variable(v.whole(1, 10_000, "the number of minutes"), "its budget", default=5)

    @classmethod
    def of(cls, environment: Mapping[str, str], options: argparse.Namespace | None = None) -> Self:
        """Raises BadSetting."""
        given = v.read(cls, environment, options)
        if "data" not in given:
            raise BadSetting("Which pictures? make teach DATA=folder, with a folder for each class")
        lesson = cls(**{"name": name_for(given["data"])} | given)
        taken = {Path(Recipe(precision=one).file_name).stem for one in get_args(Precision)}
        if lesson.name in {IMAGENET, *taken}:
            raise BadSetting(
                f"NAME={lesson.name} is taken by the model of ImageNet's classes. Give another"
            )
        return lesson

    @property
    def renamed(self) -> dict[str, str]:
        """Classes that are called otherwise than their folders."""
        return renames(self.rename) if self.rename else {}

    @property
    def archive(self) -> Path:
        return MODEL_STORE / f"{self.name}.mar"

    @property
    def folder(self) -> Path:
        """What is known about the model, beside its archive."""
        return self.archive.with_suffix("")

    @property
    def base(self) -> Path:
        """The archive whose network it starts from."""
        return MODEL_STORE / Recipe(precision=self.precision).file_name


def name_for(data: Path) -> str:
    """A model's name after its folder's. Raises BadSetting where nothing of that can be used."""
    name = data.resolve().name if data.is_dir() else data.stem
    word = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")
    if not re.fullmatch(NAME, word[:50]):
        raise BadSetting(f"DATA={data}: give the model a name: NAME=mine ({WORD})")
    return word[:50]
