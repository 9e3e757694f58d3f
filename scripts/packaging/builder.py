"""The building of an archive: export, proof, packing."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from handler import labels as label_files
from handler.explanation import CLASSIFIER
from handler.labels import parse_labels
from handler.model_card import (
    Agreement,
    Calibration,
    ModelCard,
    Precision,
    WeightsFile,
    write_model_card,
)
from handler.preset import IMAGENET
from handler.resizing import HAS_SIMD, Pixels
from scripts.packaging import agreement, calibration, export_ncnn, export_openvino
from scripts.packaging.archive import check_not_taught, check_room, pack
from scripts.packaging.calibration import CalibrationPictures
from scripts.packaging.checkpoint import Checkpoint, load
from scripts.packaging.published import Published, are_imagenets, published_with
from scripts.packaging.recipe import Recipe
from scripts.packaging.reference import Reference, reference_of
from scripts.packaging.weights import resolve, sha256

# Of each precision the fastest: docs/performance.md.
ENGINES: dict[Precision, str] = {"fp32": "ncnn", "int8": "openvino"}


@dataclass(frozen=True)
class Model:
    """What an archive is made from. Raises ValueError where the labels don't fit the network."""

    name: str  # under which it is served
    version: str
    reference: Reference
    weights: WeightsFile
    labels: bytes  # a file's content, as handler/labels.py reads it
    labels_file: Path
    files: Mapping[str, bytes] = field(default_factory=dict)  # more, by their path in the archive
    about: Mapping[str, object] = field(default_factory=dict)  # more fields of the model card

    def __post_init__(self) -> None:
        check_labels(self.labels, self.labels_file, self.reference.classes)


class Export(NamedTuple):
    """What was measured of an exported network."""

    agreement: Agreement
    calibration: Calibration | None = None


def build(recipe: Recipe, output: Path) -> None:
    """Write the archive. Raises WeightsError, ValueError, OSError or Disagreement."""
    check_not_taught(output)
    weights = resolve(recipe.weights)
    check_room(weights.stat().st_size, output.absolute().parent)
    checkpoint = load(weights)
    published = published_with(weights, checkpoint.architecture)
    preset = recipe.preset(published.preset)
    reference = reference_of(weights, checkpoint, preset)
    for note in [f"{checkpoint.architecture}, {reference.classes} classes", *checkpoint.notes]:
        print(f"network: {note}", flush=True)
    if preset != IMAGENET:
        print(f"preprocessing: {preset.words()}", flush=True)
    labels, labels_file = _labels(recipe, weights, checkpoint, published)
    model = Model(
        recipe.name,
        recipe.version,
        reference,
        {"file": weights.name, "sha256": sha256(weights)},
        labels,
        labels_file,
    )
    pictures = None
    if recipe.precision == "int8" and recipe.calibration:
        pictures = calibration.from_folder(recipe.calibration, reference.classes, reference.preset)
    build_model(model, recipe.precision, output, pictures)


def _labels(
    recipe: Recipe, weights: Path, checkpoint: Checkpoint, published: Published
) -> tuple[bytes, Path]:
    """Those that are given, else the weights' own, else ImageNet's; and their file."""
    if recipe.labels:
        return recipe.labels.read_bytes(), recipe.labels
    names = checkpoint.class_names or published.class_names
    if not names or are_imagenets(names):
        return label_files.IMAGENET.read_bytes(), label_files.IMAGENET
    file = weights if checkpoint.class_names else published.names_file
    print(f"labels: {len(names)} names from {file}", flush=True)
    return "".join(f"{' '.join(name.split())}\n" for name in names).encode(), file or weights


def build_model(
    model: Model, precision: Precision, output: Path, pictures: CalibrationPictures | None = None
) -> None:
    """Write the archive of a model that is in memory; the same inputs give the same bytes.

    pictures: without any, the project's own photographs; fp32 needs the judging ones alone.
    Raises ValueError, OSError or Disagreement.
    """
    with tempfile.TemporaryDirectory(prefix="network-") as scratch:
        contents = Path(scratch)
        export = export_and_compare(precision, model.reference, pictures, contents)
        write_model_card(model_card(model, precision, export), contents)
        (contents / "labels.tsv").write_bytes(model.labels)
        np.save(contents / CLASSIFIER, model.reference.classifier)
        for name, data in model.files.items():
            (contents / name).parent.mkdir(parents=True, exist_ok=True)
            (contents / name).write_bytes(data)
        pack(contents, model.name, model.version, output)
    print(f"archive: {output} ({output.stat().st_size / 1e6:.1f} MB)", flush=True)


def check_labels(data: bytes, path: Path, classes: int) -> None:
    """Raises ValueError where they are not `classes` labels that can be told apart."""
    labels = parse_labels(data, path)
    seen: dict[tuple[str, str | None], int] = {}
    for line, label in enumerate(labels, 1):  # ImageNet has two cranes, each with its wnid
        first = seen.setdefault((label.name, label.wnid), line)
        if first != line:
            raise ValueError(
                f"{path} names {label.name!r} twice, in lines {first} and {line}. Give each class "
                "a name, or a WordNet ID, of its own"
            )
    count = len(labels)
    if count != classes:
        raise ValueError(
            f"{path} names {count} classes, but the weights' classifier has {classes}. "
            "Write one class per line into LABELS, in the order the network was trained with"
        )


def export_and_compare(
    precision: Precision,
    reference: Reference,
    pictures: CalibrationPictures | None,
    directory: Path,
) -> Export:
    """Write the engine's files. Raises Disagreement."""
    print(f"export: {precision} for {ENGINES[precision]}", flush=True)
    if precision == "int8":
        return _export_int8(
            reference,
            pictures or calibration.from_samples(reference.classes, reference.preset),
            directory,
        )
    judging = pictures.judging if pictures else calibration.sample_crops(reference.preset)
    return _export_fp32(reference, judging, directory)


def _export_fp32(reference: Reference, judging: Pixels, directory: Path) -> Export:
    export_ncnn.export(reference, directory)
    found = agreement.compare(reference, ENGINES["fp32"], directory, judging)
    print(agreement.sentence(found), flush=True)
    agreement.check_fp32(found)
    return Export(found)


def _export_int8(reference: Reference, pictures: CalibrationPictures, directory: Path) -> Export:
    print(f"calibration: {len(pictures.calibrating)} pictures, {pictures.origin}", flush=True)
    if pictures.is_of_other_classes:
        print(
            f"calibration: these pictures are not of the model's {reference.classes} classes; with "
            "some that are it may be more accurate: CALIBRATION=folder",
            flush=True,
        )
    export_openvino.export(reference, directory, pictures.calibrating)
    found = agreement.compare(
        reference, ENGINES["int8"], directory, pictures.judging, pictures.class_ids
    )
    print(agreement.sentence(found), flush=True)
    agreement.check_int8(found)
    return Export(
        found,
        {
            "pictures": len(pictures.calibrating),
            "origin": pictures.origin,
            "overflow_fix": export_openvino.OVERFLOW_FIX,
        },
    )


def model_card(model: Model, precision: Precision, export: Export) -> ModelCard:
    packages = ["torch", "torchvision", ENGINES[precision], "pillow", "numpy"]
    packages += ["cykooz-resizer"] if HAS_SIMD else []
    packages += ["pnnx"] if precision == "fp32" else ["nncf"]
    card: ModelCard = {
        "name": f"{model.name}-{precision}",
        "version": model.version,
        "architecture": f"torchvision.models.{model.reference.architecture}",
        "precision": precision,
        "engine": ENGINES[precision],
        "preprocessing": model.reference.preset.for_card(),
        "weights": model.weights,
        "labels": {
            "file": model.labels_file.name,
            "sha256": hashlib.sha256(model.labels).hexdigest(),
            "classes": model.reference.classes,
        },
        "agreement_with_pytorch_fp32": export.agreement,
        "built_with": {package: version(package) for package in packages},
    }
    if export.calibration:
        card["calibration"] = export.calibration
    return cast(ModelCard, {**card, **model.about})
