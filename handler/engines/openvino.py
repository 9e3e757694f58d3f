"""OpenVINO on CPU."""

import platform
import sys
from pathlib import Path

# It reports its use to its makers and needs a home directory for that, unless this is missing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino as ov  # noqa: E402

from handler.engines.engine import Floats  # noqa: E402
from handler.resizing import Pixels  # noqa: E402

GRAPH = "network.xml"  # its weights are beside it, in network.bin


class OpenVino:
    def __init__(self, directory: Path, threads: int) -> None:
        settings = {
            # Left to itself OpenVINO computes in bf16 where the processor has it.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Pinned, the threads of two workers land on the same core and throughput halves.
            "ENABLE_CPU_PINNING": False,
        }
        if platform.machine() == "aarch64":
            # Its int8 on ARM is wrong by up to 0.3, or gives nothing: docs/reliability.md. Without
            # it the quantised network is computed in 32 bits.
            settings["LP_TRANSFORMS_MODE"] = "NO"
        model = ov.Core().compile_model(directory / GRAPH, "CPU", settings)
        self._request = model.create_infer_request()

    def infer(self, pictures: Pixels) -> tuple[Floats, Floats]:
        # The outputs are views of the request's own buffers, which the next call overwrites.
        outputs = self._request.infer([pictures], share_inputs=True, share_outputs=True)
        return outputs[0], outputs[1]
