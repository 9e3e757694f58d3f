"""What an archive is built from: the source of the builder's options and of make's variables.

`python -m scripts.packaging.recipe FILE` writes it down for make, and only where it has changed: a
file with an old date in the place of another makes no archive out of date by itself.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, get_args

from handler.model_card import Interpolation, Precision
from handler.preset import SIDES, Preset
from scripts.serving import variables as v
from scripts.serving.variables import NAME, variable

IMAGENET = "resnet18"  # the name of the model that the project comes with
WORD = "up to 50 ASCII letters, digits and ._-, the first a letter or digit"

# What Hugging Face and timm publish beside weights.
CONFIGURATION, PREPROCESSOR = "config.json", "preprocessor_config.json"


def three(least: float, most: float) -> v.Parse:
    """Numbers of R, G and B, as people copy them: `[0.485, 0.456, 0.406]`."""

    def parse(text: str) -> tuple[float, ...]:
        try:
            numbers = tuple(float(word) for word in re.split(r"[\s,]+", text.strip(" \t()[]")))
        except ValueError:
            numbers = ()
        if len(numbers) != 3 or not all(least <= number <= most for number in numbers):
            raise ValueError(
                f"three numbers from {least:g} to {most:g} are needed, of R, G and B: "
                "0.485,0.456,0.406. Of values from 0 to 255, divide them by 255"
            )
        return numbers

    return parse


@dataclass(frozen=True)
class Recipe:
    precision: Precision = variable(
        v.one_of(*get_args(Precision)),
        "fp32: PyTorch's answers; int8: nearly the same, at over twice the speed",
        default="fp32",
    )
    weights: Path | None = variable(
        v.existing_file,
        "a ResNet-18, -34 or -50 in PyTorch, with any number of classes",
        words="torchvision's, from its cache or downloaded",
    )
    labels: Path | None = variable(
        v.existing_file,
        "class names, one per line; after a tab a Chinese name, after another a wnid",
        words="the weights' own, or handler/imagenet_classes.tsv",
    )
    resize: int | None = variable(
        v.whole(*SIDES, "the number of pixels"),
        "pixels to which a picture's shorter side is resized",
        words="what lies beside the weights, or 256",
    )
    crop: int | None = variable(
        v.whole(*SIDES, "the number of pixels"),
        "pixels of the centre that the network sees",
        words="..., or 224",
    )
    interpolation: Interpolation | None = variable(
        v.one_of(*get_args(Interpolation)), "of the resize", words="..., or bilinear"
    )
    mean: tuple[float, ...] | None = variable(
        three(0, 1), "of R, G and B in 0 to 1, which is subtracted", words="..., or ImageNet's"
    )
    std: tuple[float, ...] | None = variable(
        three(1e-3, 1), "of R, G and B, which is divided by", words="..., or ImageNet's"
    )
    calibration: Path | None = variable(
        v.existing_folder,
        "int8: folder of pictures of the kind the service will see; every second one calibrates, "
        "the others judge",
        words="the samples",
    )
    version: str = variable(
        v.matching(NAME, f"a version is {WORD}"),
        "version of the model in the archive",
        default="1.0",
    )
    name: str = variable(
        v.matching(NAME, f"a model's name is {WORD}"),
        "name under which the model is served: /predictions/NAME",
        default=IMAGENET,
    )
    model: str | None = variable(
        v.matching(NAME, f"a model's name is {WORD}"), "what NAME was called before"
    )

    @classmethod
    def of(cls, environment: Mapping[str, str], options: argparse.Namespace | None = None) -> Self:
        """Raises BadSetting."""
        values = v.read(cls, environment, options)
        older = values.pop("model", None)
        if older and values.setdefault("name", older) != older:
            raise v.BadSetting(
                f"MODEL={older} and NAME={values['name']} mean the same: give one of them"
            )
        if values.get("name") in {f"{IMAGENET}-{one}" for one in get_args(Precision)}:
            raise v.BadSetting(
                f"NAME={values['name']} would be taken for {IMAGENET}'s archive. Give another"
            )
        return cls(**values)

    def preset(self, published: Preset) -> Preset:
        """What is given, and the rest as it is published. ValueError where they don't go together.

        published: with the weights, or ImageNet's.
        """
        names = ("resize", "crop", "interpolation", "mean", "std")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(published, **given)

    @property
    def file_name(self) -> str:
        """ImageNet's has one for each precision, others one alone."""
        return f"{self.name}-{self.precision}.mar" if self.name == IMAGENET else f"{self.name}.mar"

    def identity(self) -> str:
        """What has changed when the archive has to be built again, one thing a line."""
        parts = v.environment_of(self)
        if self.precision == "fp32":
            parts.pop("CALIBRATION", None)
        lines = [f"{name}={value}" for name, value in parts.items()]
        beside = files_beside(self.weights) if self.weights else []
        lines += [_stamp(path) for path in (self.weights, self.labels, *beside) if path]
        if "CALIBRATION" in parts and self.calibration:
            lines += map(_stamp, sorted(self.calibration.rglob("*")))
        return "\n".join(lines) + "\n"


def files_beside(weights: Path) -> list[Path]:
    """The published ones that are there."""
    beside = (weights.with_name(name) for name in (CONFIGURATION, PREPROCESSOR))
    return [path for path in beside if path.is_file()]


def _stamp(path: Path) -> str:
    about = path.stat()
    return f"{path} {about.st_size} {about.st_mtime_ns}"


def main() -> int:
    file = Path(sys.argv[1])
    try:
        identity = Recipe.of(os.environ).identity()
    except v.BadSetting as error:
        print(error, file=sys.stderr)
        return 1
    if not file.exists() or file.read_text("utf-8") != identity:
        file.write_text(identity, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
