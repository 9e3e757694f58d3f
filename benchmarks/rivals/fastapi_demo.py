"""FastAPI and OpenVINO, as a careful person writes it in an afternoon: one process, no batches.

Pillow's fused resize in threads, the int8 archive's own graph on all cores, one picture at a time.

python -m benchmarks.rivals.fastapi_demo UNPACKED_ARCHIVE PORT THREADS
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request

from benchmarks.bare import Loop, pillow_input
from handler.ranking import rank

threads = int(sys.argv[3])
loop = Loop(Path(sys.argv[1]), threads)
decoding = ThreadPoolExecutor(threads)
network = ThreadPoolExecutor(1)  # it uses all cores, and its request object belongs to one
app = FastAPI()


def infer(picture: Any) -> Any:
    return loop.engine.infer(picture[None])[0][0].copy()


@app.post("/predict")
async def predict(request: Request) -> Any:
    run = asyncio.get_running_loop().run_in_executor
    picture = await run(decoding, pillow_input, await request.body())
    return [*rank(np.asarray(await run(network, infer, picture)), loop.labels, 3)]


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
