"""The builder's half of handler/engines/openvino.py: a PyTorch network to OpenVINO's files."""

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

import torch

# OpenVINO's and NNCF's tools report their use to their makers, unless this package is missing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino as ov  # noqa: E402

from handler.engines.openvino import GRAPH  # noqa: E402
from handler.resizing import Pixels  # noqa: E402
from scripts.packaging.reference import Reference  # noqa: E402

# A processor without VNNI adds products in 16 bits, which overflow if weights use all of their 8
# bits. With half the range in every layer (NNCF's "enable") they can't, so that every processor
# gives the same answers; with half in the first layer alone, NNCF's default, they rarely do.
OVERFLOW_FIX = "enable"


def export(reference: Reference, directory: Path, calibrating: Pixels | None = None) -> None:
    """Write the graph, for any batch size, into `directory`.

    float32, or int8 where pictures to calibrate with are given (uint8 [N, crop, crop, 3]).
    """
    crop = reference.preset.crop
    example = torch.zeros((2, crop, crop, 3), dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        # torch.export copies its own deprecated LeafSpec.
        warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec", FutureWarning)
        program = torch.export.export(reference, (example,), dynamic_shapes=({0: batch},))
        model = ov.convert_model(program)
    model.reshape([-1, crop, crop, 3])
    if calibrating is not None:
        model = _quantise(model, calibrating)
    ov.save_model(model, directory / GRAPH, compress_to_fp16=False)


def _quantise(model: ov.Model, calibrating: Pixels) -> ov.Model:
    os.environ["NNCF_CI"] = "1"  # its own switch for telemetry
    # It asks for the home directory as it loads, which a user may not have.
    os.environ.setdefault("HOME", tempfile.gettempdir())
    import nncf  # takes seconds, and only int8 needs it
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    logging.getLogger("nncf").setLevel(logging.WARNING)
    return nncf.quantize(
        model,
        nncf.Dataset([picture[None] for picture in calibrating]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(calibrating),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix(OVERFLOW_FIX),
            # The largest values seen, not their mean over the pictures: nearer to float32 here.
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
        ),
    )
