"""The building of an archive: export, proof, packing."""

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handler.explanation import CLASSIFIER
from handler.labels import read_labels
from handler.model_card import Agreement, Calibration, ModelCard, Precision, write_model_card
from handler.resizing import HAS_SIMD
from scripts.packaging import agreement, calibration, export_ncnn, export_openvino
from scripts.packaging.archive import pack
from scripts.packaging.recipe import Recipe
from scripts.packaging.reference import Reference, load_reference
from scripts.packaging.weights import resolve, sha256

# Of each precision the fastest: docs/performance.md.
ENGINES: dict[Precision, str] = {"fp32": "ncnn", "int8": "openvino"}

# Disk space while it is built, in sizes of the weights: among the temporary files, for the archive.
TEMPORARY, ARCHIVE = 5, 2


class Export(NamedTuple):
    """What was measured of an exported network."""

    agreement: Agreement
    calibration: Calibration | None = None


def build(recipe: Recipe, output: Path) -> None:
    """Write the archive. Raises WeightsError, ValueError, OSError or Disagreement."""
    weights = resolve(recipe.weights)
    check_room(weights, output.absolute().parent)
    reference = load_reference(weights)
    check_labels(recipe.labels, reference.classes)
    with tempfile.TemporaryDirectory(prefix="network-") as scratch:
        contents = Path(scratch)
        export = export_and_compare(recipe.precision, reference, recipe.calibration, contents)
        write_model_card(model_card(recipe, weights, export), contents)
        (contents / "labels.tsv").write_bytes(recipe.labels.read_bytes())
        np.save(contents / CLASSIFIER, reference.classifier)
        pack(contents, recipe.model, recipe.version, output)
    print(f"archive: {output} ({output.stat().st_size / 1e6:.1f} MB)", flush=True)


def check_room(weights: Path, folder: Path) -> None:
    """folder: the archive's. Raises ValueError: on a full disk torch itself would abort."""
    while not folder.exists():
        folder = folder.parent
    size = weights.stat().st_size
    for place, needed in (
        (tempfile.gettempdir(), TEMPORARY * size),
        (folder, ARCHIVE * size),
    ):
        if shutil.disk_usage(place).free < needed:
            raise ValueError(
                f"building it needs {needed / 1e6:.0f} MB of disk space in {place}, and there is "
                "less. Make room; TMPDIR names another folder for temporary files"
            )


def check_labels(path: Path, classes: int) -> None:
    labels = read_labels(path)
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
    precision: Precision, reference: Reference, calibration_folder: Path | None, directory: Path
) -> Export:
    """Write the engine's files. Raises Disagreement."""
    print(f"export: {precision} for {ENGINES[precision]}", flush=True)
    if precision == "int8":
        return _export_int8(reference, calibration_folder, directory)
    return _export_fp32(reference, directory)


def _export_fp32(reference: Reference, directory: Path) -> Export:
    export_ncnn.export(reference, directory)
    found = agreement.compare(reference, ENGINES["fp32"], directory, calibration.sample_crops())
    print(agreement.sentence(found), flush=True)
    agreement.check_fp32(found)
    return Export(found)


def _export_int8(reference: Reference, calibration_folder: Path | None, directory: Path) -> Export:
    pictures = (
        calibration.from_folder(calibration_folder, reference.classes)
        if calibration_folder
        else calibration.from_samples(reference.classes)
    )
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


def model_card(recipe: Recipe, weights: Path, export: Export) -> ModelCard:
    precision, labels = recipe.precision, recipe.labels
    packages = ["torch", "torchvision", ENGINES[precision], "pillow", "numpy"]
    packages += ["cykooz-resizer"] if HAS_SIMD else []
    packages += ["pnnx"] if precision == "fp32" else ["nncf"]
    card: ModelCard = {
        "name": f"{recipe.model}-{precision}",
        "version": recipe.version,
        "architecture": "torchvision.models.resnet18",
        "precision": precision,
        "engine": ENGINES[precision],
        "weights": {"file": weights.name, "sha256": sha256(weights)},
        "labels": {
            "file": labels.name,
            "sha256": sha256(labels),
            "classes": len(read_labels(labels)),
        },
        "agreement_with_pytorch_fp32": export.agreement,
        "built_with": {package: version(package) for package in packages},
    }
    if export.calibration:
        card["calibration"] = export.calibration
    return card
