"""Whether a prediction would succeed now, as the supervisor sees it.

It asks each model for predictions itself, one at a time, bypassing the gateway, and keeps what
came of the last one. Asking for readiness then costs nothing, and nobody waits behind those who
ask.
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
    FOLLOW_EVERY,
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


class Probe:
    """Of one model."""

    def __init__(self, torchserve: TorchServe, run: RunDirectory, model: str) -> None:
        self.model = model
        self._torchserve = torchserve
        self._run = run
        self._prediction = f"{torchserve.inference}/predictions/{model}"
        self._session = session(self._prediction)
        self.in_work = AT_ONCE // 2  # pictures, when every worker has a full batch
        self.loading = Loading(model)
        self._succeeded = False  # the last time
        self.last_success = self._renewed = float("-inf")  # time.monotonic()

    @property
    def is_ready(self) -> bool:
        since = max(time.monotonic() - LATELY, self._torchserve.process.started)
        return self._succeeded and self.last_success > since

    async def watch(self) -> None:
        """Look for as long as the model is served."""
        while True:
            began = time.monotonic()
            await self.look()
            rest = began + PROBE_EVERY - time.monotonic() if self._succeeded else 0
            await asyncio.sleep(max(PROBE_AGAIN, rest))

    async def look(self) -> None:
        self._succeeded = await asyncio.to_thread(self._succeeds)
        if self._succeeded:
            self.last_success = time.monotonic()

    @property
    def overdue(self) -> float | None:
        """See `overdue`."""
        return overdue(max(self._torchserve.process.started, self._renewed), self.last_success)

    async def renew(self, seconds: float) -> None:
        """Its workers, after so long without a success."""
        logger.error(f"{self.model} answered no prediction for {seconds:.0f} s; new workers begin")
        self._renewed = time.monotonic()
        management = self._torchserve.management(self.model, timeout=PROBE)
        try:
            if management:
                await asyncio.to_thread(management.replace_workers)
        except ServiceError as error:
            logger.error(f"{self.model} got no new workers: {error}")

    def _succeeds(self) -> bool:
        try:
            management = self._torchserve.management(self.model, timeout=PROBE)
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


class Readiness:
    def __init__(
        self, torchserve: TorchServe, gateway: Process, run: RunDirectory, client: Classifier
    ) -> None:
        """client: asks at the gateway."""
        self._torchserve = torchserve
        self._gateway = gateway
        self._run = run
        self._client = client
        self.probes = {name: Probe(torchserve, run, name) for name in run.changes().models}
        self._last_response = float("-inf")  # time.monotonic()

    @property
    def is_ready(self) -> bool:
        """Of every model: one that can't be loaded is served no more."""
        return all(self.models().values())

    def models(self) -> dict[str, bool]:
        """Of each that is served."""
        return {name: probe.is_ready for name, probe in self.probes.items()}

    def in_work(self) -> dict[str, int]:
        """Pictures of each model, when its workers have full batches."""
        return {name: probe.in_work for name, probe in self.probes.items()}

    async def watch(self) -> None:
        """Probe every model for as long as it is served."""
        async with asyncio.TaskGroup() as group:
            tasks: dict[str, asyncio.Task[None]] = {}
            while True:
                await self.follow()
                for name in self.probes.keys() - tasks.keys():
                    tasks[name] = group.create_task(self.probes[name].watch())
                for name in tasks.keys() - self.probes.keys():
                    tasks.pop(name).cancel()
                await asyncio.sleep(FOLLOW_EVERY)

    async def follow(self) -> None:
        """Probe what is recorded. A new model counts when it was asked once: it is loaded."""
        probes = {}
        for name in self._run.changes().models or self.probes:
            probes[name] = self.probes.get(name) or Probe(self._torchserve, self._run, name)
            if name not in self.probes:
                await probes[name].look()
        self.probes = probes

    async def heal(self) -> None:
        """Kill what has not worked for too long; what keeps it running starts it again."""
        async with asyncio.TaskGroup() as group:
            while True:
                if await asyncio.to_thread(self._client.responds):
                    self._last_response = time.monotonic()
                end_stuck(self._gateway, self._last_response, "the gateway answered nothing")
                last_success = max(probe.last_success for probe in self.probes.values())
                torchserve = self._torchserve.process
                end_stuck(torchserve, last_success, "TorchServe answered no prediction")
                if last_success > time.monotonic() - LATELY:  # it is not TorchServe as a whole
                    for probe in self.probes.values():
                        if seconds := probe.overdue:
                            group.create_task(probe.renew(seconds))
                await asyncio.sleep(PROBE_EVERY)


def overdue(started: float, last_success: float) -> float | None:
    """The seconds within which it should have succeeded, where it has not (time.monotonic()).

    One that has not worked since its start may still be loading.
    """
    bound = NOTHING_SUCCEEDED if last_success > started else READY
    return bound if time.monotonic() - max(last_success, started) > bound else None


def end_stuck(process: Process, last_success: float, complaint: str) -> None:
    """Kill what has not worked for too long; one that waits for its start is not stuck."""
    if process.pid is None:
        return
    if seconds := overdue(process.started, last_success):
        logger.error(f"{complaint} for {seconds:.0f} s; restarting it")
        process.kill()
