"""Turn weights and labels into a TorchServe archive, after proving that it answers like PyTorch.

The network is exported for the precision's engine, the engine is run on real pictures and compared
with PyTorch, and only what agrees is packed. The same inputs give the same bytes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from handler import engines
from handler.explanation import CLASSIFIER
from handler.labels import IMAGENET, read_labels
from handler.resizing import Pixels
from scripts import ROOT
from scripts.packaging import calibration, export_ncnn, export_openvino
from scripts.packaging.reference import Reference, load_reference
from scripts.packaging.weights import WeightsError, resolve, sha256

NAME = "resnet18"
ENGINES = {"fp32": "ncnn", "int8": "openvino"}  # of each precision the fastest: docs/performance.md
MAX_DIFFERENCE = 1e-4  # fp32: of any probability from PyTorch's
MIN_AGREEMENT = 0.90  # int8: of the pictures, the same best class as PyTorch's
MIN_ACCURACY = 0.97  # int8: of PyTorch's top-1 accuracy, where the right classes are known


class Disagreement(Exception):
    """The engine does not answer as PyTorch does."""


def main() -> int:
    options = parse_arguments()
    try:
        build(
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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
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
        help="UTF-8, a class a line, optionally tab-separated Chinese name and wnid "
        "(default: ImageNet's)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        help="int8: folder of pictures of the kind the service will see; every second one "
        "calibrates, the others judge (default: windows of the project's own photographs)",
    )
    parser.add_argument("--version", default="1.0", help="of the model (default: %(default)s)")
    parser.add_argument("--output", type=Path, help=f"default: model_store/{NAME}-PRECISION.mar")
    return parser.parse_args()


def build(
    precision: str,
    weights: Path | None,
    labels: Path,
    calibration_folder: Path | None,
    model_version: str,
    output: Path | None,
) -> None:
    output = output or ROOT / "model_store" / f"{NAME}-{precision}.mar"
    weights = resolve(weights)
    reference = load_reference(weights)
    check_labels(labels, reference.classes)
    with tempfile.TemporaryDirectory(prefix="archive-") as scratch:
        contents = Path(scratch, "contents")
        contents.mkdir()
        proof = export_and_compare(precision, reference, calibration_folder, contents)
        card = model_card(precision, weights, labels, reference.classes, model_version, proof)
        (contents / "model_card.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        (contents / "labels.tsv").write_bytes(labels.read_bytes())
        np.save(contents / CLASSIFIER, reference.classifier)
        archive = run_archiver(contents, model_version, Path(scratch))
        output.parent.mkdir(parents=True, exist_ok=True)
        rewrite(archive, output)
    print(f"archive: {output} ({output.stat().st_size / 1e6:.1f} MB)", flush=True)


def check_labels(path: Path, classes: int) -> None:
    count = len(read_labels(path))
    if count != classes:
        raise ValueError(
            f"{path} names {count} classes, but the weights' classifier has {classes}. "
            "Name one class a line in LABELS, in the order the network was trained with"
        )


def export_and_compare(
    precision: str, reference: Reference, calibration_folder: Path | None, contents: Path
) -> dict[str, Any]:
    """Write the engine's files; what was measured, for the model card. Raises Disagreement."""
    print(f"export: {precision} for {ENGINES[precision]}", flush=True)
    if precision == "fp32":
        export_ncnn.export(reference, contents)
        agreement = compare(reference, ENGINES[precision], contents, calibration.sample_crops())
        check_fp32(agreement)
        return {"agreement_with_pytorch_fp32": agreement}
    pictures = (
        calibration.from_folder(calibration_folder, reference.classes)
        if calibration_folder
        else calibration.from_samples()
    )
    print(f"calibration: {len(pictures.calibrating)} pictures, {pictures.origin}", flush=True)
    export_openvino.export(reference, contents, pictures.calibrating)
    agreement = compare(
        reference, ENGINES[precision], contents, pictures.judging, pictures.class_ids
    )
    check_int8(agreement)
    return {
        "calibration": {
            "pictures": len(pictures.calibrating),
            "origin": pictures.origin,
            "overflow_fix": export_openvino.OVERFLOW_FIX,
        },
        "agreement_with_pytorch_fp32": agreement,
    }


def compare(
    reference: Reference,
    engine_name: str,
    contents: Path,
    pictures: Pixels,
    class_ids: list[int] | None = None,
) -> dict[str, Any]:
    """How near the engine's answers are to PyTorch's, on uint8 [N, 224, 224, 3]."""
    engine = engines.load(engine_name, contents, os.cpu_count() or 1)
    expected, actual = [], []
    for picture in tqdm(pictures, desc="compare with PyTorch", unit="picture"):
        with torch.inference_mode():
            expected.append(reference(torch.from_numpy(picture[None]))[0][0].numpy())
        actual.append(engine.infer(picture[None])[0][0].copy())
    ours, theirs = np.stack(actual), np.stack(expected)
    agreement = {
        "pictures": len(pictures),
        "max_probability_difference": float(f"{np.abs(ours - theirs).max():.1e}"),
        "same_best_class": int((ours.argmax(1) == theirs.argmax(1)).sum()),
    }
    if class_ids:
        agreement["top1"] = int((ours.argmax(1) == class_ids).sum())
        agreement["top1_of_pytorch"] = int((theirs.argmax(1) == class_ids).sum())
    print(
        "agreement with PyTorch: same best class on {same_best_class} of {pictures} pictures, "
        "probabilities differ by at most {max_probability_difference:.1e}".format(**agreement)
        + (
            "; right on {top1}, PyTorch on {top1_of_pytorch}".format(**agreement)
            if class_ids
            else ""
        ),
        flush=True,
    )
    return agreement


def check_fp32(agreement: dict[str, Any]) -> None:
    if not agreement["max_probability_difference"] < MAX_DIFFERENCE:
        raise Disagreement(
            "the engine's probabilities differ from PyTorch's by more than "
            f"{MAX_DIFFERENCE:.0e}; nothing was packed. "
            "Please report this with your processor and the versions above"
        )


def check_int8(agreement: dict[str, Any]) -> None:
    advice = "nothing was packed. Calibrate with more pictures, of the kind the service will see: "
    advice += "make archive PRECISION=int8 CALIBRATION=folder"
    if agreement["same_best_class"] < MIN_AGREEMENT * agreement["pictures"]:
        raise Disagreement(f"that is below the limit of {MIN_AGREEMENT:.0%}; {advice}")
    if agreement.get("top1", 0) < MIN_ACCURACY * agreement.get("top1_of_pytorch", 0):
        raise Disagreement(f"that is below {MIN_ACCURACY:.0%} of PyTorch's accuracy; {advice}")


def model_card(
    precision: str,
    weights: Path,
    labels: Path,
    classes: int,
    model_version: str,
    proof: dict[str, Any],
) -> dict[str, Any]:
    packages = ["torch", "torchvision", ENGINES[precision], "pillow", "cykooz-resizer", "numpy"]
    packages += ["pnnx"] if precision == "fp32" else ["nncf"]
    digest = sha256(weights)
    return {
        "name": f"{NAME}-{precision}",
        "version": model_version,
        "architecture": "torchvision.models.resnet18",
        "precision": precision,
        "engine": ENGINES[precision],
        "weights": {"file": weights.name, "sha256": digest},
        "labels": {"file": labels.name, "sha256": sha256(labels), "classes": classes},
        **proof,
        "built_with": {name: version(name) for name in packages},
    }


def run_archiver(contents: Path, model_version: str, scratch: Path) -> Path:
    """torch-model-archiver over the handler and the exported files; its archive's path."""
    # It flattens a folder it is given: `package` holds handler/, so that handler/ stays a package.
    package = scratch / "package" / "handler"
    for source in sorted((ROOT / "handler").rglob("*.py")):
        target = package / source.relative_to(ROOT / "handler")
        if source.name != "resnet18_handler.py":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    # It stages in TMPDIR/<model name> and deletes what is there.
    staging = scratch / "staging"
    staging.mkdir()
    command = [
        str(Path(sys.executable).with_name("torch-model-archiver")),
        *("--model-name", NAME),
        *("--version", model_version),
        *("--handler", str(ROOT / "handler" / "resnet18_handler.py")),
        *("--config-file", str(ROOT / "handler" / "model-config.yaml")),
        *("--extra-files", f"{contents},{package.parent}"),
        *("--export-path", str(scratch)),
    ]
    subprocess.run(command, check=True, env={**os.environ, "TMPDIR": str(staging)})
    return scratch / f"{NAME}.mar"


def rewrite(archive: Path, output: Path) -> None:
    """Copy an archive without the clock's and the file system's order's traces, in one step."""
    partial = output.with_suffix(".partial")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(partial, "w") as target:
        for name in sorted(source.namelist()):
            data = source.read(name)
            if name == "MAR-INF/MANIFEST.json":
                manifest = json.loads(data)
                manifest["createdOn"] = "01/01/1980 00:00:00"  # the zip format's own epoch
                data = json.dumps(manifest, indent=2, sort_keys=True).encode()
            # Weights do not compress: stored, the archive unpacks faster at every start.
            target.writestr(zipfile.ZipInfo(name), data)
    partial.replace(output)


if __name__ == "__main__":
    sys.exit(main())
