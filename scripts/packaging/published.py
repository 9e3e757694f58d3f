"""What lies beside published weights: how pictures are prepared, and what the classes are called.

timm's and Hugging Face's config.json and preprocessor_config.json, where they are a ResNet's.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.labels import IMAGENET as LABELS
from handler.labels import read_labels
from handler.model_card import Interpolation
from handler.preset import IMAGENET, Preset
from scripts.packaging.layer_names import Architecture
from scripts.packaging.recipe import CONFIGURATION, PREPROCESSOR, files_beside
from scripts.packaging.wrapping import names_in_order

RESAMPLE: dict[int, Interpolation] = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers
# Hugging Face's ConvNextImageProcessor crops this share of smaller pictures than of SIDE pixels.
SIDE, SHARE = 384, 224 / 256
PLACEHOLDER = "LABEL_0"  # Hugging Face's, where nobody has named the classes


@dataclass(frozen=True)
class Published:
    """What was found, and in which file."""

    preset: Preset = IMAGENET
    preset_file: Path | None = None
    class_names: list[str] | None = None
    names_file: Path | None = None


def published_with(weights: Path, architecture: Architecture) -> Published:
    """ValueError, which names the file, where it asks for what can't be done."""
    found = {path.name: _mapping(path) for path in files_beside(weights)}
    configuration = found.get(CONFIGURATION, {})
    if not _is_resnets(configuration, architecture):
        return Published()
    names = _class_names(configuration)
    file = weights.with_name(CONFIGURATION)
    _check_structure(configuration, file)
    try:
        preset = _timms(configuration.get("pretrained_cfg"))
        if not preset and PREPROCESSOR in found:
            file = weights.with_name(PREPROCESSOR)
            preset = _hugging_faces(found[PREPROCESSOR])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file} asks for a preprocessing that this service does not have ({error}); take it "
            "away, and give RESIZE=, CROP=, INTERPOLATION=, MEAN= and STD="
        ) from None
    return Published(
        preset or IMAGENET,
        file if preset else None,
        names,
        weights.with_name(CONFIGURATION) if names else None,
    )


def _mapping(path: Path) -> Mapping[str, Any]:
    """Empty where it is something else: the file may belong to others."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _is_resnets(configuration: Mapping[str, Any], architecture: Architecture) -> bool:
    if configuration.get("model_type") == "resnet":
        return True
    # timm adds a tag: resnet50.a1_in1k.
    return str(configuration.get("architecture")).partition(".")[0] == architecture


def _check_structure(configuration: Mapping[str, Any], file: Path) -> None:
    """What the weights alone don't show."""
    expected = {
        "downsample_in_bottleneck": False,
        "downsample_in_first_stage": False,
        "hidden_act": "relu",
    }
    for name, value in expected.items():
        if (found := configuration.get(name, value)) != value:
            raise ValueError(
                f"{file} describes another network than torchvision's, which can't be packed: "
                f"{name} is {found}, not {value}"
            )


def _timms(settings: Any) -> Preset | None:
    """timm's `create_transform` of an evaluation."""
    if not isinstance(settings, Mapping) or "crop_pct" not in settings:
        return None
    if settings.get("crop_mode", "center") != "center":
        raise ValueError(f"crop_mode {settings['crop_mode']}, not center")
    _, height, width = settings["input_size"]
    if height != width:
        raise ValueError(f"input_size {height} x {width}, not a square")
    return Preset(
        math.floor(height / settings["crop_pct"]),
        height,
        settings["interpolation"],
        tuple(settings["mean"]),
        tuple(settings["std"]),
    )


def _hugging_faces(settings: Mapping[str, Any]) -> Preset:
    """Of ConvNextImageProcessor, which its ResNets have, or of one that resizes and crops."""
    crop, resize = settings.get("crop_size"), settings["size"]
    shortest = resize.get("shortest_edge") if isinstance(resize, Mapping) else resize
    if shortest is None:
        raise ValueError(f"size {resize}: the form of pictures is not kept")
    if settings.get("do_center_crop") and crop:
        side = crop["height"] if isinstance(crop, Mapping) else crop
        sizes = int(shortest), int(side)
    elif shortest < SIDE:
        sizes = int(shortest / (settings.get("crop_pct") or SHARE)), int(shortest)
    else:
        raise ValueError(f"size {shortest} without a crop: the form of pictures is not kept")
    if abs(settings.get("rescale_factor", 1 / 255) * 255 - 1) > 1e-6:
        raise ValueError(f"rescale_factor {settings['rescale_factor']}, not 1/255")
    normalises = settings.get("do_normalize", True)
    return Preset(
        *sizes,
        RESAMPLE[settings.get("resample", 2)],
        tuple(settings["image_mean"]) if normalises else (0, 0, 0),
        tuple(settings["image_std"]) if normalises else (1, 1, 1),
    )


def _class_names(configuration: Mapping[str, Any]) -> list[str] | None:
    names = names_in_order(configuration.get("label_names") or configuration.get("id2label"))
    return None if names and names[0] == PLACEHOLDER else names


def are_imagenets(names: list[str]) -> bool:
    """In ImageNet's order: then its own labels are better, with Chinese names and wnids."""
    ours = [label.name.lower() for label in read_labels(LABELS)]
    if len(names) != len(ours):
        return False
    same = sum(our in theirs.lower() for our, theirs in zip(ours, names, strict=True))
    return same > 0.8 * len(ours)
