"""Whether an exported network answers as PyTorch does: only then is it packed."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from handler import engines
from handler.engines.engine import Floats
from handler.model_card import Agreement
from handler.resizing import Pixels
from scripts.packaging.reference import Reference

MAX_DIFFERENCE = 1e-4  # fp32: of any probability from PyTorch's
MIN_AGREEMENT = 0.90  # int8: of the pictures, the same best class as PyTorch's
MIN_ACCURACY = 0.97  # int8: of PyTorch's top-1 accuracy, where the right classes are known


class Disagreement(Exception):
    """The engine does not answer as PyTorch does."""


def compare(
    reference: Reference,
    engine_name: str,
    directory: Path,
    pictures: Pixels,
    class_ids: Sequence[int] | None = None,
) -> Agreement:
    """Of the engine, with the files in the directory, on pictures uint8 [N, crop, crop, 3].

    class_ids: the right classes of the pictures, where they are known.
    """
    engine = engines.load(engine_name, directory, os.cpu_count() or 1, reference.preset)
    expected, actual = [], []
    for picture in tqdm(pictures, desc="compare with PyTorch", unit="picture", disable=None):
        with torch.inference_mode():
            expected.append(reference(torch.from_numpy(picture[None]))[0][0].numpy())
        actual.append(engine.infer(picture[None])[0][0].copy())
    return measure(np.stack(actual), np.stack(expected), class_ids)


def measure(actual: Floats, expected: Floats, class_ids: Sequence[int] | None) -> Agreement:
    """Of the engine's probabilities with PyTorch's, float32 [N, classes]."""
    best, expected_best = actual.argmax(1), expected.argmax(1)
    agreement: Agreement = {
        "pictures": len(actual),
        "max_probability_difference": float(f"{np.abs(actual - expected).max():.1e}"),
        "same_best_class": int((best == expected_best).sum()),
    }
    if class_ids:
        agreement["top1"] = int((best == class_ids).sum())
        agreement["top1_of_pytorch"] = int((expected_best == class_ids).sum())
    return agreement


def sentence(agreement: Agreement) -> str:
    text = (
        "agreement with PyTorch: same best class on {same_best_class} of {pictures} pictures, "
        "probabilities differ by at most {max_probability_difference:.1e}"
    )
    if "top1" in agreement:
        text += "; {top1} classified correctly, {top1_of_pytorch} by PyTorch"
    return text.format(**agreement)


def check_fp32(agreement: Agreement) -> None:
    """Raises Disagreement."""
    if not agreement["max_probability_difference"] < MAX_DIFFERENCE:
        raise Disagreement(
            "the engine's probabilities differ from PyTorch's by more than "
            f"{MAX_DIFFERENCE:.0e}; nothing was packed. "
            "Please report this, with the name of your processor and the output above"
        )


def check_int8(agreement: Agreement) -> None:
    """Raises Disagreement."""
    advice = (
        "nothing was packed. Calibrate with more pictures, of the kind the service will see: "
        "make archive PRECISION=int8 CALIBRATION=folder"
    )
    if agreement["same_best_class"] < MIN_AGREEMENT * agreement["pictures"]:
        raise Disagreement(
            f"the best class is PyTorch's on fewer than {MIN_AGREEMENT:.0%} of the pictures; "
            + advice
        )
    if agreement.get("top1", 0) < MIN_ACCURACY * agreement.get("top1_of_pytorch", 0):
        raise Disagreement(f"the accuracy is below {MIN_ACCURACY:.0%} of PyTorch's; {advice}")
