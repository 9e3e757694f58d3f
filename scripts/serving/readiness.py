"""Whether a prediction would succeed now, as the supervisor sees it.

It asks for predictions itself, one at a time, bypassing the gateway, and keeps what came of the
last one. Asking for readiness then costs nothing, and nobody waits behind those who ask.
"""

import asyncio
import logging
import time

import requests

from client.classifier import Classifier
from client.errors import ServiceError
from client.http import session
from scripts.serving.bounds import (
    AT_ONCE,
    LATELY,
    NOTHING_SUCCEEDED,
    PROBE,
    PROBE_AGAIN,
    PROBE_EVERY,
    READY,
)
from scripts.serving.loading import Loading
from scripts.serving.process import Process
from scripts.serving.run_directory import RunDirectory
from scripts.serving.torchserve import TorchServe

# A PNG of one pixel.
PIXEL = (
    '{"data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5E'
    'rkJggg=="}'
)

logger = logging.getLogger("supervisor")


class Readiness:
    def __init__(
        self,
        torchserve: TorchServe,
        gateway: Process,
        run: RunDirectory,
        model: str,
        client: Classifier,
    ) -> None:
        """client: asks at the gateway."""
        self._torchserve = torchserve
        self._gateway = gateway
        self._run = run
        self._client = client
        self._prediction = f"{torchserve.inference}/predictions/{model}"
        self._session = session(self._prediction)
        self.in_work = AT_ONCE // 2  # pictures, when every worker has a full batch
        self.loading = Loading()
        self._succeeded = False  # the last probe
        self._last_success = self._last_response = float("-inf")  # time.monotonic()

    @property
    def is_ready(self) -> bool:
        since = max(time.monotonic() - LATELY, self._torchserve.process.started)
        return self._succeeded and self._last_success > since

    async def watch(self) -> None:
        """Probe for as long as the service runs."""
        while True:
            began = time.monotonic()
            self._succeeded = await asyncio.to_thread(self._probe)
            ended = time.monotonic()
            if self._succeeded:
                self._last_success = ended
            rest = began + PROBE_EVERY - ended if self._succeeded else 0
            await asyncio.sleep(max(PROBE_AGAIN, rest))

    async def heal(self) -> None:
        """Kill what has not worked for too long; what keeps it running starts it again."""
        while True:
            if await asyncio.to_thread(self._client.responds):
                self._last_response = time.monotonic()
            end_stuck(self._gateway, self._last_response, "the gateway answered nothing")
            torchserve = self._torchserve.process
            end_stuck(torchserve, self._last_success, "TorchServe answered no prediction")
            await asyncio.sleep(PROBE_EVERY)

    def _probe(self) -> bool:
        try:
            management = self._torchserve.management(timeout=PROBE)
            if management is None:
                return False
            version = management.default()
            self.loading.see(version)
            ready = [worker["status"] for worker in version["workers"]].count("READY")
            if not ready:
                return False
            self.in_work = ready * version["batchSize"]
            headers = {
                "Authorization": f"Bearer {self._run.key('inference')}",
                "X-Readiness": "yes",  # nobody's traffic: the handler does not count it
            }
            answer = self._session.post(self._prediction, PIXEL, headers=headers, timeout=PROBE)
        except ServiceError as error:
            self.loading.hear(error)
            return False
        except requests.RequestException:
            return False
        return answer.ok


def end_stuck(process: Process, last_success: float, complaint: str) -> None:
    """Kill what has not worked for too long. last_success: time.monotonic().

    One that has not worked since its start may still be loading; one that waits for its start is
    not stuck.
    """
    if process.pid is None:
        return
    bound = NOTHING_SUCCEEDED if last_success > process.started else READY
    if time.monotonic() - max(last_success, process.started) > bound:
        logger.error(f"{complaint} for {bound:.0f} s; restarting it")
        process.kill()
