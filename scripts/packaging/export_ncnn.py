"""The builder's half of handler/engines/ncnn.py: a PyTorch network to ncnn's files."""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch

from handler.engines.ncnn import BIN, PARAM
from scripts.packaging.reference import Reference


def export(reference: Reference, directory: Path) -> None:
    """Write the network, float32, into `directory`. Normalisation is the engine's."""
    with tempfile.TemporaryDirectory(prefix="pnnx-") as scratch:
        traced = Path(scratch, "network.pt")
        with warnings.catch_warnings():
            # pnnx reads nothing but TorchScript, which torch calls deprecated.
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            crop = reference.preset.crop
            example = torch.zeros(1, 3, crop, crop)
            torch.jit.trace(reference.network, example).save(traced)  # type: ignore[no-untyped-call]
        command = [
            # Its first line may name a Python that this checkout had somewhere else.
            *(sys.executable, str(Path(sys.executable).with_name("pnnx"))),
            traced.name,
            f"inputshape=[1,3,{crop},{crop}]",
            "fp16=0",  # keep float32 weights
        ]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"pnnx ended with status {done.returncode}:\n{done.stderr[-2000:]}")
        (directory / PARAM).write_bytes(traced.with_suffix(".ncnn.param").read_bytes())
        (directory / BIN).write_bytes(traced.with_suffix(".ncnn.bin").read_bytes())
