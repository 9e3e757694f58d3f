"""The gateway as a process: Envoy, and what it is told while it runs."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import envoy
import requests

from client.http import session
from scripts.serving import gateway_files, variables
from scripts.serving.acme import Acme
from scripts.serving.admin import Admin, Unreachable
from scripts.serving.bounds import IN_FLIGHT, NOTHING_SUCCEEDED, NUDGE, ORDER_EVERY
from scripts.serving.certificate import Certificate
from scripts.serving.logs import put_aside
from scripts.serving.order import Order
from scripts.serving.process import Process
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings

# Its package has a command too, which starts a Python first.
ENVOY = Path(str(envoy.__file__)).with_name("_bin") / "envoy"
POLL = 0.05  # seconds between two looks whether all requests are answered
# One worker thread has one queue: first come, first served. A second Envoy on this machine is
# another service's, not this one's next life (hot restart).
OPTIONS = (
    "--concurrency 1 --disable-hot-restart --file-flush-interval-msec 200 --log-level warning "
    # Neither its own stop nor that two of its extensions are called unfinished.
    "--component-log-level main:error,misc:error"
)

logger = logging.getLogger("supervisor")


class Gateway:
    def __init__(
        self,
        settings: Settings,
        run: RunDirectory,
        ports: Mapping[str, int],
        in_work: Callable[[], Mapping[str, int]],
        acme: Acme | None,
    ) -> None:
        """ports: of INFERENCE, METRICS and SUPERVISOR. in_work: see Order."""
        self._settings = settings
        self._run = run
        self._ports = ports
        self._in_work = in_work
        self._admin = Admin(run.admin)
        self._acme = acme
        files = acme.files if acme else settings.certificate_files
        self._certificate = Certificate(run, settings.domain or "", files)
        self._told: tuple[list[str], list[str]] | None = None  # the models, and the valid keys
        self._reopens = False
        self._logs = [run.logs / "gateway.log", run.logs / "access.log"]
        command = [str(ENVOY), "-c", str(run.gateway / "envoy.json")]
        command += [*OPTIONS.split(), "--log-path", str(self._logs[0])]
        environment = variables.without(Settings, os.environ)
        log = run.logs / "gateway.out"
        self.process = Process("the gateway", command, environment, run.path, log)

    async def before_start(self) -> None:
        self._run.clear(self._run.sockets)
        for log in self._logs:
            put_aside(log)
        if self._acme:
            await self._acme.first()
        self._certificate.hand_over()
        gateway_files.write_nodes(self._run, self._ports["INFERENCE"])
        self._told = None  # a gateway of another start may have been told it
        self._configure()

    def _configure(self) -> None:
        """Tell it which models there are, and which access keys are valid, where that is news."""
        changes = self._run.changes()
        told = list(changes.models), changes.access_keys(self._settings.access_key)
        if changes.models and told != self._told:
            models, keys = told
            gateway_files.write_configuration(self._settings, self._run, models, self._ports, keys)
            self._told = told  # only now: what could not be written is tried again

    async def after_start(self) -> None:
        """Keep models, keys, the queues' bounds, logs and certificate what they should be."""
        order = Order(self._admin, self._in_work, self._nudge_large)
        reached = time.monotonic()
        while True:
            await asyncio.sleep(ORDER_EVERY)
            try:
                await asyncio.to_thread(self._look, order)
                reached = time.monotonic()
            except OSError as error:  # a full disk, say
                logger.error(f"Looking after the gateway failed: {error}")
            except Unreachable as error:
                if time.monotonic() - reached > NOTHING_SUCCEEDED:
                    logger.error(f"{error}, for {NOTHING_SUCCEEDED:.0f} s; restarting it")
                    self.process.kill()

    def _look(self, order: Order) -> None:
        self._certificate.hand_over()
        self._configure()
        order.keep(time.monotonic())
        aside = [put_aside(log) for log in self._logs]
        if any(aside) or self._reopens:
            self._reopens = True  # still so where this fails: it would go on in the old files
            self._admin.reopen_logs()
            self._reopens = False

    def _nudge_large(self) -> None:
        """See Order. It may have to wait there itself, which does as well."""
        url = f"http://127.0.0.1:{self._ports['METRICS']}/nudge"
        with suppress(requests.RequestException), session(url) as nudging:
            nudging.get(url, timeout=NUDGE)

    async def stop(self) -> None:
        """Let nobody in, wait for the requests in flight, end it."""
        deadline = time.monotonic() + IN_FLIGHT
        try:
            await asyncio.to_thread(self._admin.drain)
            while time.monotonic() < deadline and await asyncio.to_thread(self._active):
                await asyncio.sleep(POLL)
            await asyncio.to_thread(self._admin.quit)
        except Unreachable as error:  # it has ended, or never began
            logger.info(f"Not drained: {error}")
            self.process.kill()
        await self.process.stop()

    def _active(self) -> bool:
        return any(self._admin.stats(r"^http\.door\.downstream_rq_active$").values())
