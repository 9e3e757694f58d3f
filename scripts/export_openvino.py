"""The builder's half of handler/engines/openvino.py: a PyTorch network to OpenVINO's files."""

import warnings
from pathlib import Path

import openvino as ov
import torch

from handler.engines.openvino import GRAPH
from handler.picture import CROP
from scripts.reference import Reference


def export(reference: Reference, directory: Path) -> None:
    """Write the graph, float32 with any batch size, into `directory`."""
    example = torch.zeros((2, CROP, CROP, 3), dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        # torch.export copies its own deprecated LeafSpec.
        warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec", FutureWarning)
        program = torch.export.export(reference, (example,), dynamic_shapes=({0: batch},))
        model = ov.convert_model(program)
    model.reshape([-1, CROP, CROP, 3])
    ov.save_model(model, directory / GRAPH, compress_to_fp16=False)
