"""What an archive is built from: the source of the builder's options and of make's variables.

`python -m scripts.packaging.recipe FILE` writes it down for make, and only where it has changed: a
file with an old date in the place of another makes no archive out of date by itself.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

from scripts import ROOT
from scripts.serving import variables as v
from scripts.serving.variables import NAME, variable

Precision = Literal["fp32", "int8"]
IMAGENET = "resnet18"  # the name of the model that the project comes with
WORD = "up to 50 ASCII letters, digits and ._-, the first a letter or digit"


@dataclass(frozen=True)
class Recipe:
    precision: Precision = variable(
        v.one_of(*get_args(Precision)),
        "fp32: PyTorch's answers; int8: nearly the same, at over twice the speed",
        default="fp32",
    )
    weights: Path | None = variable(
        v.existing_file,
        "state dict of a torchvision resnet18, with any number of classes",
        words="torchvision's, from its cache or downloaded",
    )
    labels: Path = variable(
        v.existing_file,
        "class names, one per line; after a tab a Chinese name, after another a wnid",
        default=Path("handler", "imagenet_classes.tsv"),
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
        return cls(**{"labels": ROOT / cls.labels} | values)

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
        lines += [_stamp(path) for path in (self.weights, self.labels) if path]
        if "CALIBRATION" in parts and self.calibration:
            lines += map(_stamp, sorted(self.calibration.rglob("*")))
        return "\n".join(lines) + "\n"


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
