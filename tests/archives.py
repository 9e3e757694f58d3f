"""Archives for tests alone: the built one with something else in it."""

import json
import zipfile
from pathlib import Path

import numpy as np

from handler.taught import FILE, Taught
from scripts import SAMPLES
from scripts.evaluating.labelled import read
from scripts.evaluating.model import Model
from scripts.serving.changes import Changes, Wanted
from scripts.teaching.familiarity import familiar, for_card
from tests.crops import crops

PREPROCESSING = "handler/preprocessing.py"


def rebuilt(
    archive: Path, output: Path, version: str, name: str = "resnet18", **replaced: bytes
) -> Path:
    """The archive as another version, or of another model, with other files in it."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(output, "w") as target:
        for file in source.namelist():
            data = replaced.get(Path(file).name.replace(".", "_"), source.read(file))
            if file == "MAR-INF/MANIFEST.json":
                described = json.loads(data)
                described["model"] |= {"modelName": name, "modelVersion": version}
                data = json.dumps(described).encode()
            target.writestr(zipfile.ZipInfo(file), data)
    return output


def with_fault(
    archive: Path, output: Path, ending: bytes, statement: str, version: str = "1.0"
) -> Path:
    """The archive, but a picture that ends so meets the statement before it is decoded."""
    with zipfile.ZipFile(archive) as contents:
        source = contents.read(PREPROCESSING).decode()
    source += f"""
_preprocess = Preprocessor.__call__
def faulty(self, data):
    if data.endswith({ending!r}):
        {statement}
    return _preprocess(self, data)
Preprocessor.__call__ = faulty
"""
    return rebuilt(archive, output, version, preprocessing_py=source.encode())


def unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(folder)
    return folder


def only(archive: str, workers: int | None = None) -> Changes:
    """What is recorded of a service that has nothing but that archive."""
    return Changes({"resnet18": Wanted((archive,), workers)})


TWO_KINDS = "cats_coffee"
KINDS = (285, 967)  # their class_ids among ImageNet's
CROPS = 20  # of each
SURENESS = 20.0  # how much a logit grows with the root of a probability


def of_two_kinds(archive: Path, output: Path) -> Path:
    """A model that was taught ImageNet's Egyptian cat and espresso, by the network's own opinion: a
    card that says what it is worth, samples of its own, and what pictures of either look like.
    """
    taught = _of_two_kinds(archive, output.parent)
    assert taught.familiar
    with zipfile.ZipFile(archive) as source:
        files = {name: source.read(name) for name in source.namelist()}
    card = json.loads(files["model_card.json"])
    card |= {
        "evaluation": {
            "accuracy": 0.961,
            "interval": [0.917, 0.982],
            "pictures": 153,
            "held_out": "val/",
            "majority": 0.549,
            "calibration_error": 0.031,
        },
        "none_of_these": for_card(taught.familiar),
        "samples": [{"file": "0.jpg", "class_id": 0}, {"file": "1.jpg", "class_id": 1}],
    }
    taught.save(output.with_suffix(".npz"))
    manifest = files["MAR-INF/MANIFEST.json"]
    files |= {
        "MAR-INF/MANIFEST.json": manifest.replace(b'"resnet18"', f'"{TWO_KINDS}"'.encode()),
        "model_card.json": json.dumps(card).encode(),
        "labels.tsv": "cat\t猫\ncoffee\n".encode(),
        FILE: output.with_suffix(".npz").read_bytes(),
        "samples/0.jpg": (SAMPLES / "cat.jpg").read_bytes(),
        "samples/1.jpg": (SAMPLES / "coffee.jpg").read_bytes(),
        "samples/unlisted.jpg": (SAMPLES / "temple.jpg").read_bytes(),
    }
    with zipfile.ZipFile(output, "w") as target:
        for name, data in files.items():
            target.writestr(zipfile.ZipInfo(name), data)
    return output


def _of_two_kinds(archive: Path, scratch: Path) -> Taught:
    known = {"cat": ("cat", CROPS), "coffee": ("coffee", CROPS)}
    folder = crops(scratch / "crops", known, sides=(0.4, 1))
    labelled = read(folder)
    with Model(archive) as model:
        answers = model.classify([picture.path for picture in labelled.pictures])
    features = answers.embeddings.shape[1]
    weights = np.zeros((2, features + answers.own.shape[1]), np.float32)
    weights[[0, 1], [features + kind for kind in KINDS]] = SURENESS
    labels = np.repeat(np.arange(2), CROPS)
    look = familiar(answers.embeddings, labels, np.arange(len(labels)))
    return Taught(weights, np.zeros(2, np.float32), look)
