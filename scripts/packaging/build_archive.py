"""Turn weights and labels into a TorchServe archive, after proving that it answers like PyTorch.

The network is exported for the precision's engine, the engine is run on real pictures and compared
with PyTorch, and only what agrees is packed. The same inputs give the same bytes.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handler.explanation import CLASSIFIER
from handler.labels import IMAGENET, read_labels
from handler.model_card import Agreement, Calibration, ModelCard, Precision, write_model_card
from scripts import ROOT
from scripts.packaging import agreement, calibration, export_ncnn, export_openvino
from scripts.packaging.agreement import Disagreement
from scripts.packaging.archive import pack
from scripts.packaging.reference import Reference, load_reference
from scripts.packaging.weights import WeightsError, resolve, sha256

DEFAULT_NAME = "resnet18"
# Of each precision the fastest: docs/performance.md.
ENGINES: dict[Precision, str] = {"fp32": "ncnn", "int8": "openvino"}


class Export(NamedTuple):
    """What was measured of an exported network."""

    agreement: Agreement
    calibration: Calibration | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        build(
            options.name,
            options.precision,
            options.weights,
            options.labels,
            options.calibration,
            options.version,
            options.output,
        )
    except (WeightsError, ValueError, OSError, Disagreement) as error:
        print(f"build_archive: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default=DEFAULT_NAME, help="of the model (default: %(default)s)")
    parser.add_argument("--precision", choices=sorted(ENGINES), default="fp32")
    parser.add_argument(
        "--weights",
        type=Path,
        help="state dict of a torchvision resnet18, with any number of classes "
        "(default: torchvision's IMAGENET1K_V1, from its cache or downloaded)",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        default=IMAGENET,
        help="UTF-8, one class per line, optionally tab-separated Chinese name and wnid "
        "(default: ImageNet's)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        help="int8: folder of pictures of the kind the service will see; every second one "
        "calibrates, the others judge (default: windows of the project's own photographs)",
    )
    parser.add_argument("--version", default="1.0", help="of the model (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="default: model_store/NAME-PRECISION.mar")
    return parser.parse_args(arguments)


def build(
    name: str,
    precision: Precision,
    weights: Path | None,
    labels: Path,
    calibration_folder: Path | None,
    model_version: str,
    output: Path | None,
) -> None:
    check_name(name)
    output = output or ROOT / "model_store" / f"{name}-{precision}.mar"
    weights = resolve(weights)
    reference = load_reference(weights)
    check_labels(labels, reference.classes)
    with tempfile.TemporaryDirectory(prefix="network-") as scratch:
        contents = Path(scratch)
        export = export_and_compare(precision, reference, calibration_folder, contents)
        card = model_card(name, model_version, precision, weights, labels, export)
        write_model_card(card, contents)
        (contents / "labels.tsv").write_bytes(labels.read_bytes())
        np.save(contents / CLASSIFIER, reference.classifier)
        pack(contents, name, model_version, output)
    print(f"archive: {output} ({output.stat().st_size / 1e6:.1f} MB)", flush=True)


def check_name(name: str) -> None:
    """As torch-model-archiver does, which looks at it only after minutes of work."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(
            f"{name!r} can't be a model's name. Use letters, digits, '_', '-' and '.', "
            "and begin with a letter or a digit"
        )


def check_labels(path: Path, classes: int) -> None:
    count = len(read_labels(path))
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
        else calibration.from_samples()
    )
    print(f"calibration: {len(pictures.calibrating)} pictures, {pictures.origin}", flush=True)
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


def model_card(
    name: str,
    model_version: str,
    precision: Precision,
    weights: Path,
    labels: Path,
    export: Export,
) -> ModelCard:
    packages = ["torch", "torchvision", ENGINES[precision], "pillow", "cykooz-resizer", "numpy"]
    packages += ["pnnx"] if precision == "fp32" else ["nncf"]
    card: ModelCard = {
        "name": f"{name}-{precision}",
        "version": model_version,
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


if __name__ == "__main__":
    sys.exit(main())
