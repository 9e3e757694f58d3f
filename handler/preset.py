"""What is done to a picture before a network sees it; torchvision calls that a preset."""

import math
from dataclasses import dataclass
from typing import Self, get_args

from handler.model_card import Interpolation, Preprocessing

SIDES = (32, 1024)  # pixels: from what a ResNet reduces to a single one to what still takes seconds
CHANNELS = 3


@dataclass(frozen=True)
class Preset:
    """Shorter side to `resize`, the centre `crop` x `crop`, and (values in 0..1 - mean) / std.

    The defaults are those of torchvision's `ResNet18_Weights.IMAGENET1K_V1.transforms()`.
    """

    resize: int = 256  # pixels
    crop: int = 224  # pixels
    interpolation: Interpolation = "bilinear"  # with antialias
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)  # RGB
    std: tuple[float, ...] = (0.229, 0.224, 0.225)  # RGB

    def __post_init__(self) -> None:
        """Raises ValueError where no picture could be prepared like that."""
        least, most = SIDES
        if not least <= self.crop <= self.resize <= most:
            raise ValueError(
                f"a crop of {self.crop} pixels from a shorter side of {self.resize} can't be made: "
                f"from {least} to {most} are possible, and the crop is no larger than the side"
            )
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(
                f"the interpolation {self.interpolation!r} is neither "
                + " nor ".join(get_args(Interpolation))
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != CHANNELS or not all(map(math.isfinite, values)):
                raise ValueError(f"{name} {values} is not {CHANNELS} numbers: of R, G and B")
        if not min(self.std) > 0:
            raise ValueError(f"std {self.std} must be above 0: colours are divided by it")

    @classmethod
    def of(cls, card: Preprocessing) -> Self:
        """From what a model card has under `preprocessing`."""
        return cls(
            card["resize"],
            card["crop"],
            card["interpolation"],
            tuple(card["mean"]),
            tuple(card["std"]),
        )

    def words(self) -> str:
        mean, std = (", ".join(f"{value:g}" for value in each) for each in (self.mean, self.std))
        return (
            f"shorter side to {self.resize} ({self.interpolation}), the centre {self.crop} x "
            f"{self.crop}, mean {mean}, std {std}"
        )

    def for_card(self) -> Preprocessing:
        return {
            "resize": self.resize,
            "crop": self.crop,
            "interpolation": self.interpolation,
            "mean": list(self.mean),
            "std": list(self.std),
        }


IMAGENET = Preset()
