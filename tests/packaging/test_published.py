"""What timm and Hugging Face publish beside weights; the configurations are theirs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from handler.labels import IMAGENET as LABELS
from handler.labels import read_labels
from handler.preset import IMAGENET, Preset
from scripts.packaging.published import Published, are_imagenets, published_with

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TIMM: dict[str, Any] = {
    "architecture": "resnet50",
    "num_classes": 2,
    "label_names": ["cat", "dog"],
    "pretrained_cfg": {
        "tag": "a1_in1k",
        "input_size": [3, 224, 224],
        "test_input_size": [3, 288, 288],
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "crop_mode": "center",
        "mean": MEAN,
        "std": STD,
    },
}
RESNET: dict[str, Any] = {
    "model_type": "resnet",
    "architectures": ["ResNetForImageClassification"],
    "id2label": {"1": "dog", "0": "cat"},
    "hidden_act": "relu",
    "downsample_in_bottleneck": False,
}
# microsoft/resnet-50's, as it was before and after a change of its library.
CONVNEXT: dict[str, Any] = {
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": MEAN,
    "image_std": STD,
    "resample": 3,
    "size": 224,
}


def timm(**changes: object) -> dict[str, Any]:
    return TIMM | {"pretrained_cfg": TIMM["pretrained_cfg"] | changes}


def lying(folder: Path, configuration: object, preprocessor: object = None) -> Path:
    """Weights with these files beside them."""
    for name, content in (("config", configuration), ("preprocessor_config", preprocessor)):
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / "model.safetensors"


def test_timms(tmp_path: Path) -> None:
    """floor(224 / 0.95) = 235."""
    found = published_with(lying(tmp_path, TIMM), "resnet50")
    file = tmp_path / "config.json"
    assert found == Published(Preset(235, 224, "bicubic"), file, ["cat", "dog"], file)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Preset(256, 224, "bicubic")),
        ({"size": {"shortest_edge": 224}, "resample": 2}, IMAGENET),
        ({"size": {"shortest_edge": 224}, "crop_pct": None}, Preset(256, 224, "bicubic")),
        ({"size": 232, "crop_size": 224}, Preset(265, 232, "bicubic")),  # it does not crop to that
        (
            {"size": {"shortest_edge": 232}, "crop_size": 224, "do_center_crop": True},
            Preset(232, 224, "bicubic"),
        ),
        ({"do_normalize": False}, Preset(256, 224, "bicubic", (0, 0, 0), (1, 1, 1))),
    ],
)
def test_hugging_faces(changes: dict[str, Any], expected: Preset, tmp_path: Path) -> None:
    found = published_with(lying(tmp_path, RESNET, CONVNEXT | changes), "resnet18")
    assert found.preset == expected
    assert found.preset_file == tmp_path / "preprocessor_config.json"
    assert found.class_names == ["cat", "dog"]


@pytest.mark.parametrize(
    ("configuration", "preprocessor", "sentence"),
    [
        (timm(crop_mode="border"), None, "crop_mode border, not center"),
        (timm(input_size=[3, 224, 256]), None, "input_size 224 x 256, not a square"),
        (timm(interpolation="lanczos"), None, "'lanczos' is neither bilinear nor bicubic"),
        (RESNET, CONVNEXT | {"size": {"height": 224, "width": 224}}, "is not kept"),
        (RESNET, CONVNEXT | {"size": 384}, "size 384 without a crop"),
        (RESNET, CONVNEXT | {"rescale_factor": 1}, "rescale_factor 1, not 1/255"),
        (RESNET, {"size": 224}, "image_mean"),
    ],
)
def test_what_this_service_does_not_have(
    configuration: object, preprocessor: object, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        published_with(lying(tmp_path, configuration, preprocessor), "resnet50")
    assert str(caught.value).startswith(str(tmp_path))
    assert "RESIZE=" in str(caught.value)


@pytest.mark.parametrize("changes", [{"downsample_in_bottleneck": True}, {"hidden_act": "gelu"}])
def test_another_network_of_the_same_layers(changes: dict[str, Any], tmp_path: Path) -> None:
    """Without the file it could be packed, and would answer wrongly."""
    with pytest.raises(ValueError, match="describes another network") as caught:
        published_with(lying(tmp_path, RESNET | changes), "resnet50")
    assert next(iter(changes)) in str(caught.value)
    assert "take it away" not in str(caught.value)


@pytest.mark.parametrize(
    "configuration",
    [None, [], {}, {"model_type": "bert"}, TIMM | {"architecture": "resnet101"}],
    ids=str,
)
def test_what_belongs_to_others(configuration: object, tmp_path: Path) -> None:
    assert published_with(lying(tmp_path, configuration, CONVNEXT), "resnet50") == Published()
    (tmp_path / "config.json").write_text("{not JSON")
    assert published_with(tmp_path / "x.pth", "resnet50") == Published()


def test_placeholders_are_no_names(tmp_path: Path) -> None:
    configuration = RESNET | {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}
    assert published_with(lying(tmp_path, configuration), "resnet18").class_names is None


def test_imagenets_names_in_other_words() -> None:
    names = [f"{label.name}, and what else it is called" for label in read_labels(LABELS)]
    assert are_imagenets(names)
    assert not are_imagenets(names[::-1])
    assert not are_imagenets(names[:-1])
