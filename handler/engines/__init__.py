"""The seam between the handler and what runs the network.

An archive's model card names its engine; adding one means a module here, a line in `load`, and an
exporter in scripts/packaging.
"""

from pathlib import Path

from handler.engines.engine import Engine
from handler.preset import Preset


def load(name: str, directory: Path, threads: int, preset: Preset) -> Engine:
    """The engine called `name`, ready to infer with `threads` threads.

    preset: whose mean and standard deviation the network was trained with.
    """
    # Only the named engine's library is imported: each costs a worker memory and start time.
    if name == "openvino":
        from handler.engines.openvino import OpenVino

        return OpenVino(directory, threads)
    if name == "ncnn":
        from handler.engines.ncnn import Ncnn

        return Ncnn(directory, threads, preset)
    raise ValueError(f"This archive asks for the engine {name!r}, which this handler doesn't have")
