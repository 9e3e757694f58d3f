"""What Triton's Python backend runs: an archive's own graph on all cores, decoding with Pillow.

The environment's DIRECTORY has the archive's contents, its THREADS the number of cores.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton

from benchmarks.bare import Loop, pillow_input


class TritonPythonModel:
    def initialize(self, _: dict[str, str]) -> None:
        threads = int(os.environ["THREADS"])
        self.loop = Loop(Path(os.environ["DIRECTORY"]), threads)
        self.pool = ThreadPoolExecutor(threads)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        data = [
            triton.get_input_tensor_by_name(request, "PICTURE").as_numpy().item()
            for request in requests
        ]
        # Pillow lets go of the interpreter's lock; a lone picture needs no other thread.
        decode = self.pool.map if len(data) > 1 else map
        answers = self.loop.answers(np.stack([*decode(pillow_input, data)]))
        return [
            triton.InferenceResponse(
                [triton.Tensor("CLASSES", np.array([[answer.encode()]], np.object_))]
            )
            for answer in answers
        ]
