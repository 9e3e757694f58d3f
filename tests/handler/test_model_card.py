import json
from pathlib import Path

from handler.model_card import FILE, ModelCard, read_model_card, write_model_card
from handler.preset import IMAGENET

CARD: ModelCard = {
    "name": "resnet18-int8",
    "version": "1.0",
    "architecture": "torchvision.models.resnet18",
    "precision": "int8",
    "engine": "openvino",
    "preprocessing": IMAGENET.for_card(),
    "weights": {"file": "权重.pth", "sha256": "0" * 64},
    "labels": {"file": "labels.tsv", "sha256": "1" * 64, "classes": 5},
    "calibration": {"pictures": 20, "origin": "half of pictures/", "overflow_fix": "enable"},
    "agreement_with_pytorch_fp32": {
        "pictures": 20,
        "max_probability_difference": 0.01,
        "same_best_class": 19,
        "top1": 15,
        "top1_of_pytorch": 16,
    },
    "built_with": {"torch": "2.13.0"},
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_model_card(CARD, tmp_path)
    assert read_model_card(tmp_path) == CARD


def test_it_is_json_that_other_programs_read(tmp_path: Path) -> None:
    write_model_card(CARD, tmp_path)
    text = (tmp_path / FILE).read_bytes()
    assert json.loads(text) == CARD
    assert text.endswith(b"}\n")
