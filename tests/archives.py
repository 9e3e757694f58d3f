"""Archives for tests alone: the built one with something else in it."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from scripts import SAMPLES
from scripts.serving.changes import Changes, Wanted

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
OF_TWO_KINDS = """
_load = load
def load(*arguments):
    engine = _load(*arguments)
    infer = engine.infer
    def of_two(pictures):
        probabilities, feature_maps = infer(pictures)
        return probabilities[:, [285, 967]], feature_maps
    engine.infer = of_two
    return engine
"""
NONE_OF_THESE = """
_rank = rank
def rank(probabilities, labels, top_k):
    known = float(probabilities.sum())
    items = _rank(probabilities / known, labels, top_k)
    return [item | {"none_of_these": round(1 - known, 3)} for item in items]
"""


def of_two_kinds(archive: Path, output: Path) -> Path:
    """A model such as one is taught, of ImageNet's Egyptian cat and espresso: a card that says what
    it is worth, samples of its own, and a score of how little a picture is like either.
    """
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
        "none_of_these": {"threshold": 0.95, "pictures": 153},
        "samples": [{"file": "0.jpg", "class_id": 0}, {"file": "1.jpg", "class_id": 1}],
    }
    classifier = np.load(io.BytesIO(files["classifier.npy"]))[[285, 967]]
    np.save(rows := io.BytesIO(), classifier)
    manifest = files["MAR-INF/MANIFEST.json"]
    files |= {
        "MAR-INF/MANIFEST.json": manifest.replace(b'"resnet18"', f'"{TWO_KINDS}"'.encode()),
        "model_card.json": json.dumps(card).encode(),
        "labels.tsv": "cat\t猫\ncoffee\n".encode(),
        "classifier.npy": rows.getvalue(),
        "handler/engines/__init__.py": files["handler/engines/__init__.py"] + OF_TWO_KINDS.encode(),
        "handler/ranking.py": files["handler/ranking.py"] + NONE_OF_THESE.encode(),
        "samples/0.jpg": (SAMPLES / "cat.jpg").read_bytes(),
        "samples/1.jpg": (SAMPLES / "coffee.jpg").read_bytes(),
        "samples/unlisted.jpg": (SAMPLES / "temple.jpg").read_bytes(),
    }
    with zipfile.ZipFile(output, "w") as target:
        for name, data in files.items():
            target.writestr(zipfile.ZipInfo(name), data)
    return output
