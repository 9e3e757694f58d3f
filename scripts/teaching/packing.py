"""An archive of taught classes: the network of the one it starts from, with another classifier."""

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version as version_of
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.colours import eight_bit
from handler.decoding import decode
from handler.labels import Label
from handler.model_card import Evaluation, ModelCard, Sample, read_model_card, write_model_card
from handler.taught import FILE, Taught
from scripts.evaluating.results import Results
from scripts.packaging.archive import pack
from scripts.teaching.familiarity import for_card

SAMPLES = 6  # pictures for the page
SIDE = 512  # pixels, the longer one of a sample
OTHERS = ("labels.tsv", "model_card.json", "model-config.yaml", FILE)  # of the archive before


class Content(NamedTuple):
    """What an archive has of its own."""

    name: str
    version: str
    labels: Sequence[Label]
    taught: Taught
    evaluation: Evaluation
    samples: Sequence[tuple[Path, int]]  # pictures and their class_ids


def write(content: Content, base: Path, output: Path) -> None:
    """All of it or nothing; the same inputs give the same bytes. Raises OSError, ValueError."""
    with tempfile.TemporaryDirectory(prefix="taught-") as scratch:
        folder = Path(scratch)
        with zipfile.ZipFile(base) as archive:
            for name in archive.namelist():
                if not name.endswith(".py") and "/" not in name:
                    archive.extract(name, folder)
        card = read_model_card(folder)
        for name in OTHERS:
            (folder / name).unlink(missing_ok=True)
        lines = ["\t".join(filter(None, label[:2])) for label in content.labels]
        labels = "".join(f"{line}\n" for line in lines).encode()
        (folder / "labels.tsv").write_bytes(labels)
        content.taught.save(folder / FILE)
        samples = _write_samples(content.samples, folder)
        write_model_card(_card(card, content, labels, samples), folder)
        pack(folder, content.name, content.version, output)


def _card(base: ModelCard, content: Content, labels: bytes, samples: list[Sample]) -> ModelCard:
    card = base.copy()
    card["name"] = f"{content.name}-{card['precision']}"
    card["version"] = content.version
    card["labels"] = {
        "file": "the folders' names",
        "sha256": hashlib.sha256(labels).hexdigest(),
        "classes": len(content.labels),
    }
    card["built_with"] = {**card["built_with"], "scikit-learn": version_of("scikit-learn")}
    card["evaluation"] = content.evaluation
    card["samples"] = samples
    if content.taught.familiar:
        card["none_of_these"] = for_card(content.taught.familiar)
    return card


def _write_samples(chosen: Sequence[tuple[Path, int]], folder: Path) -> list[Sample]:
    """Small copies, without what cameras write into files."""
    samples: list[Sample] = []
    (folder / "samples").mkdir()
    for number, (path, class_id) in enumerate(chosen):
        image = eight_bit(decode(path.read_bytes()).image)
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        image.info.clear()
        copy = io.BytesIO()
        image.save(copy, "JPEG", quality=85)
        file = f"{number}.jpg"
        (folder / "samples" / file).write_bytes(copy.getvalue())
        samples.append({"file": file, "class_id": class_id})
    return samples


def samples_of(results: Results) -> list[tuple[Path, int]]:
    """Held-out pictures that the model knows well, of as many classes as there is room for."""
    chosen: list[tuple[Path, int]] = []
    confidence = results.probabilities.max(1)
    by_class: Mapping[int, NDArray[np.intp]] = {
        label: (places := np.flatnonzero(results.is_right & (results.labels == label)))[
            np.argsort(-confidence[places], kind="stable")
        ]
        for label in np.unique(results.labels).tolist()
    }
    rounds = max(map(len, by_class.values()), default=0)
    for turn in range(rounds):
        for label, places in by_class.items():
            if turn < len(places) and len(chosen) < SAMPLES:
                chosen.append((results.files[places[turn]], label))
    return chosen
