"""Turn weights and labels into a TorchServe archive, after proving that it answers like PyTorch.

The network is exported for the archive's engine, the engine is run on real pictures and compared
with PyTorch, and only what agrees is packed. The same inputs give the same bytes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from handler import engines
from handler.labels import IMAGENET, read_labels
from handler.picture import Pixels, decode, network_input
from scripts import export_openvino
from scripts.reference import Reference, load_reference
from scripts.weights import WeightsError, resolve, sha256

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "web_client" / "samples"
NAME = "resnet18"
ENGINES = {"fp32": "openvino"}
MAX_DIFFERENCE = 1e-4  # of any probability from PyTorch's, at fp32


class Disagreement(Exception):
    """The engine does not answer as PyTorch does."""


def main() -> int:
    options = parse_arguments()
    try:
        build(options.precision, options.weights, options.labels, options.output)
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
    parser.add_argument("--output", type=Path, help=f"default: model_store/{NAME}-PRECISION.mar")
    return parser.parse_args()


def build(precision: str, weights: Path | None, labels: Path, output: Path | None) -> None:
    output = output or ROOT / "model_store" / f"{NAME}-{precision}.mar"
    weights = resolve(weights)
    reference = load_reference(weights)
    check_labels(labels, reference.classes)
    with tempfile.TemporaryDirectory(prefix="archive-") as scratch:
        contents = Path(scratch, "contents")
        contents.mkdir()
        print(f"export: {precision} for {ENGINES[precision]}", flush=True)
        export_openvino.export(reference, contents)
        agreement = compare(
            reference, engines.load(ENGINES[precision], contents, os.cpu_count() or 1)
        )
        card = model_card(precision, weights, labels, reference.classes, agreement)
        (contents / "model_card.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        (contents / "labels.tsv").write_bytes(labels.read_bytes())
        archive = run_archiver(contents, card["version"], Path(scratch))
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


def sample_crops() -> Iterator[Pixels]:
    """24 real pictures for the network: each sample whole, and three windows of it."""
    for path in sorted(SAMPLES.glob("*.jpg")):
        image = decode(path.read_bytes())
        yield network_input(image)
        width, height = image.size
        for left, top in ((0, 0), (width // 3, height // 3), (width // 2, 0)):
            window = (left, top, left + width // 2, top + height // 2)
            yield network_input(image.crop(window))


def compare(reference: Reference, engine: engines.Engine) -> dict[str, Any]:
    """How far the engine's probabilities are from PyTorch's. Raises Disagreement."""
    pictures = np.stack(list(sample_crops()))
    largest, same_best = 0.0, 0
    for picture in tqdm(pictures, desc="compare with PyTorch", unit="picture"):
        with torch.inference_mode():
            expected = reference(torch.from_numpy(picture[None]))[0].numpy()
        probabilities, _ = engine.infer(picture[None])
        largest = max(largest, float(np.abs(probabilities - expected).max()))
        same_best += int(probabilities.argmax() == expected.argmax())
    print(
        f"agreement: probabilities differ by at most {largest:.1e} (limit {MAX_DIFFERENCE:.0e}), "
        f"same best class on {same_best} of {len(pictures)} pictures",
        flush=True,
    )
    if not largest < MAX_DIFFERENCE:
        raise Disagreement(
            f"the engine's probabilities differ from PyTorch's by up to {largest:.1e}; "
            "nothing was packed. Please report this with your processor and the versions above"
        )
    return {
        "pictures": len(pictures),
        "max_probability_difference": float(f"{largest:.1e}"),
        "same_best_class": same_best,
    }


def model_card(
    precision: str, weights: Path, labels: Path, classes: int, agreement: dict[str, Any]
) -> dict[str, Any]:
    packages = ("torch", "torchvision", "openvino", "pillow", "numpy")
    digest = sha256(weights)
    return {
        "name": f"{NAME}-{precision}",
        "version": "1.0",
        "architecture": "torchvision.models.resnet18",
        "precision": precision,
        "engine": ENGINES[precision],
        "weights": {"file": weights.name, "sha256": digest},
        "labels": {"file": labels.name, "sha256": sha256(labels), "classes": classes},
        "agreement_with_pytorch_fp32": agreement,
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
