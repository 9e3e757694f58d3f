"""LitServe around the int8 archive's own graph: what a newcomer would pick today.

Pillow's fused resize, batches of up to 8, and a single-threaded worker a core, which gave more
pictures a second than one worker with all cores.

python -m benchmarks.rivals.litserve_demo UNPACKED_ARCHIVE PORT THREADS WORKERS
"""

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from starlette.requests import Request

from benchmarks.bare import Loop, pillow_input
from handler.ranking import rank
from handler.resizing import Pixels


class ResNet18(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        self.loop = Loop(Path(sys.argv[1]), int(sys.argv[3]))

    def decode_request(self, request: Request) -> Pixels:
        # LitServe reads the annotation, and hands over the request's form.
        return pillow_input(request["data"].file.read())  # type: ignore[index]

    def batch(self, inputs: list[Pixels]) -> Pixels:
        return np.stack(inputs)

    def predict(self, pictures: Pixels) -> Any:
        return self.loop.engine.infer(pictures)[0].copy()

    def unbatch(self, probabilities: Any) -> list[Any]:
        return list(probabilities)

    def encode_response(self, probabilities: Any) -> list[Any]:
        return [*rank(probabilities, self.loop.labels, 3)]


if __name__ == "__main__":
    api = ResNet18(max_batch_size=8, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(sys.argv[4]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
