"""Keep TorchServe and the gateway running: start both, bring back what dies, stop both cleanly.

A process manager would restart processes; the larger part would still be ours: giving each new
TorchServe's key to the gateway, scaling it to what it had, and saying when predictions succeed.
"""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from client.classifier import Classifier
from client.errors import ServiceError
from scripts.serving.acme import Acme
from scripts.serving.bounds import GATEWAY_CHECK, READY, WRITE_AGAIN
from scripts.serving.described import Served
from scripts.serving.exporter import Exporter
from scripts.serving.gateway import Gateway
from scripts.serving.notify import notify
from scripts.serving.ports import Claims
from scripts.serving.process import RENEW, STOPPING, GaveUp, Process, birth
from scripts.serving.readiness import Readiness
from scripts.serving.run_directory import RunDirectory, State, Status, write_atomically
from scripts.serving.settings import Settings
from scripts.serving.status_page import StatusPage
from scripts.serving.torchserve import PORTS, TorchServe

GATEWAY_METRICS, SUPERVISOR_METRICS = 8083, 8084  # ports, where they are free
ANNOUNCE_POLL = 0.02  # seconds
THREADS = 64  # at most: they begin when they are needed

logger = logging.getLogger("supervisor")


class Kept(Protocol):
    """What is kept running."""

    process: Process

    async def before_start(self) -> None:
        """Clear away what the one before left."""

    async def after_start(self) -> None:
        """Tell it, and others, what the one before knew."""


class Supervisor:
    def __init__(self, settings: Settings, run: RunDirectory, archives: Mapping[str, Path]) -> None:
        """archives: see `served`. Raises ServiceError where what DOMAIN needs is missing."""
        self.settings = settings
        self.run_directory = run
        self.archives = archives
        # Kept for as long as the service runs: an archive built meanwhile is another service's, and
        # TorchServe must come back with what it had.
        self.archive_times = {name: one.stat().st_mtime_ns for name, one in archives.items()}
        run.keep_archives(archives.values())
        self.ports = Claims({**PORTS, "METRICS": GATEWAY_METRICS, "SUPERVISOR": SUPERVISOR_METRICS})
        self.torchserve = TorchServe(settings, run, self.ports)
        self.acme = Acme(settings, run) if settings.domain and not settings.certificate else None
        self.gateway = Gateway(settings, run, self._ports_for_gateway(), self._in_work, self.acme)
        self.kept: dict[str, Kept] = {"torchserve": self.torchserve, "gateway": self.gateway}
        if self.acme:
            self.kept["certificate"] = self.acme
        self.processes = {name: kept.process for name, kept in self.kept.items()}
        self.client = Classifier(settings.local_url, host=settings.domain, timeout=GATEWAY_CHECK)
        self.readiness = Readiness(self.torchserve, self.gateway.process, run, self.client)
        ready = self.readiness.models
        self.status_page = StatusPage(
            self.ports["SUPERVISOR"], ready, self._served, Exporter(run, self.processes, ready)
        )
        self._status: Status = "starting"

    async def run(self, on_ready: Callable[[list[str]], object]) -> None:
        """Keep the service running until SIGINT, SIGTERM or SIGHUP. Raises GaveUp.

        on_ready: called once, when predictions succeed, with a sentence for each model that is not
        served.
        """
        # A model that does not answer holds the thread that probes it, and nothing else.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
        stop = asyncio.Event()
        for number in STOPPING:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        asyncio.get_running_loop().add_signal_handler(RENEW, self.torchserve.process.restart)
        self.say("starting")
        self._write_targets()
        self.status_page.start()
        work = asyncio.create_task(self._work(on_ready))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (work, stopping):
                task.cancel()
            failure, _ = await asyncio.gather(work, stopping, return_exceptions=True)
        finally:
            # The gateway takes no new requests and lets those in flight finish. Then TorchServe has
            # nothing left to do, and its own way to end takes it two seconds.
            self.say("stopping")
            await self.gateway.stop()
            for process in self.processes.values():
                await process.stop_now()
            self.status_page.stop()
            self.ports.close()
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        if isinstance(failure, Exception):
            raise failure
        self.say("stopped")

    def _in_work(self) -> dict[str, int]:
        return self.readiness.in_work()

    def _served(self) -> list[Served]:
        store, ready = self.run_directory.model_store, self.readiness.models()
        return [
            Served([store / archive for archive in wanted.archives], ready.get(model, False))
            for model, wanted in self.run_directory.changes().models.items()
        ]

    async def _work(self, on_ready: Callable[[list[str]], object]) -> None:
        async with asyncio.TaskGroup() as group:
            for kept in self.kept.values():
                group.create_task(self._keep(kept))
            group.create_task(self.readiness.watch())
            group.create_task(self.readiness.heal())
            group.create_task(self._announce(on_ready))

    async def _keep(self, kept: Kept) -> None:
        while True:
            try:
                await kept.before_start()
                await kept.process.start()
            except OSError as error:
                if self._status != "ready":
                    raise
                # A full disk, say: what else runs goes on.
                logger.error(f"{kept.process.name} could not be started: {error}")
                await asyncio.sleep(WRITE_AGAIN)
                continue
            self.say(self._status)
            # In a group, so that a follow-up that fails ends the service instead of being missed.
            async with asyncio.TaskGroup() as group:
                follow_up = group.create_task(kept.after_start())
                await kept.process.ended()
                follow_up.cancel()

    async def _announce(self, on_ready: Callable[[list[str]], object]) -> None:
        deadline = time.monotonic() + READY
        said: list[str] = []
        while not (self.readiness.is_ready and await asyncio.to_thread(self.client.is_ready)):
            is_late = time.monotonic() > deadline
            if is_late and not any(self.readiness.models().values()):
                raise GaveUp(
                    f"no prediction succeeded within {READY:.0f} s of starting. See "
                    f"worker.log, torchserve.log or gateway.log in {self.run_directory.logs}"
                )
            for probe in list(self.readiness.probes.values()):
                if probe.loading.has_failed:
                    reason = probe.loading.reason(self.run_directory.logs)
                    said.append(await self._give_up(probe.model, reason))
                elif is_late and not probe.is_ready:
                    reason = f": no prediction succeeded within {READY:.0f} s of starting"
                    said.append(await self._give_up(probe.model, reason))
            await asyncio.sleep(ANNOUNCE_POLL)
        self.say("ready")
        logger.info(f"Ready: {self.settings.where}")
        on_ready(said)
        await self.torchserve.archive_classes()

    async def _give_up(self, model: str, reason: str) -> str:
        """Serve the others without it; returns what to say. Raises GaveUp where it is the last.

        TorchServe would begin workers for it again and again.
        """
        changes = self.run_directory.changes()
        if changes.models.keys() == {model}:
            raise GaveUp(f"TorchServe can't load {self.archives[model]}{reason}")
        sentence = f"{model} can't be loaded{reason}"
        logger.error(f"{sentence}; the others are served")
        self.run_directory.record(changes.without_model(model, sentence))
        await self.readiness.follow()
        try:
            if management := self.torchserve.management(model):
                await asyncio.to_thread(management.scale, 0)
        except ServiceError as error:  # it may not even have been unpacked
            logger.info(f"{model} has no workers to be stopped: {error}")
        return f"{sentence}; the others are served"

    def say(self, status: Status, reason: str | None = None) -> None:
        """Write down how it stands, and tell who started it."""
        self._status = status
        notify(status)
        pids = [process.pid for process in self.processes.values() if process.pid]
        state = State(
            status=status,
            pid=os.getpid(),
            model=next(iter(self.readiness.probes)),
            url=self.settings.url,
            local_url=self.settings.local_url,
            inference=self.torchserve.inference,
            management=self.torchserve.address("TS_MANAGEMENT_ADDRESS"),
            metrics=self.torchserve.address("TS_METRICS_ADDRESS"),
            settings=self.settings,
            archives=self.archive_times,
            children={str(pid): born for pid in pids if (born := birth(pid))},
            reason=reason,
        )
        try:
            self.run_directory.write_state(state)
        except OSError as error:  # a full disk, say: what runs goes on
            logger.error(f"The service's state could not be written down: {error}")

    def _ports_for_gateway(self) -> dict[str, int]:
        names = ("METRICS", "SUPERVISOR")
        return {
            "INFERENCE": self.ports["TS_INFERENCE_ADDRESS"],
            **{n: self.ports[n] for n in names},
        }

    def _write_targets(self) -> None:
        """Where Prometheus finds the metrics (file_sd_config); they are kept when all has ended."""
        jobs = {
            "torchserve": "TS_METRICS_ADDRESS",
            "gateway": "METRICS",
            "supervisor": "SUPERVISOR",
        }
        targets = [
            {"targets": [self.ports.address(port)], "labels": {"job": job}}
            for job, port in jobs.items()
        ]
        write_atomically(self.run_directory.targets, json.dumps(targets, indent=2))
