"""A process that is kept running."""

import asyncio
import logging
import os
import select
import shutil
import signal
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.serving.bounds import DEATHS_WINDOW, MAX_DEATHS, PROCESS_STOP

# What asks the service to stop. Service managers and containers send it to every process at once.
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
RENEW = signal.SIGUSR1  # tells the supervisor to start TorchServe anew, for new keys

logger = logging.getLogger("supervisor")


class GaveUp(Exception):
    """The service can't be kept running; `str(error)` says why and where to look."""


def ends_with_parent() -> list[str]:
    """What makes a command end with the process that started it (util-linux; Linux alone).

    Without it a supervisor that is killed leaves what it started behind, until the next start.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """What is started within takes no notice of STOPPING: the supervisor alone stops, in order.

    A blocked signal stays blocked in who is started (execve(2)); for this process it waits.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def birth(pid: int) -> str | None:
    """What tells a process from a later one with its pid; None where it has ended.

    Clock ticks from the system's start to its own (proc(5), /proc/pid/stat, field 22).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def kill_leftovers(children: Mapping[str, str]) -> None:
    """Those that a supervisor started and, killed itself, left behind: pid and `birth`."""
    for pid, born in children.items():
        if birth(int(pid)) == born:
            logger.warning(f"Process {pid} of the previous service still ran and was killed")
            with suppress(ProcessLookupError):
                process = os.pidfd_open(int(pid))
                os.killpg(int(pid), signal.SIGKILL)
                # Until it has ended, what it listens on is taken.
                select.select([process], [], [], PROCESS_STOP)
                os.close(process)


@dataclass
class Process:
    name: str
    command: list[str]
    environment: dict[str, str]
    directory: Path
    log: Path
    restarts: int = 0
    started: float = 0.0  # time.monotonic()
    _process: asyncio.subprocess.Process | None = None
    _deaths: deque[float] = field(default_factory=deque)
    _is_restart: bool = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        with self.log.open("ab") as log, stop_signals_blocked():
            self._process = await asyncio.create_subprocess_exec(
                *ends_with_parent(),
                *self.command,
                env=self.environment,
                cwd=self.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C reaches the supervisor alone, which stops in order.
                start_new_session=True,
            )
        self.started = time.monotonic()

    async def ended(self) -> None:
        """Wait for its end and clear away what it left. Raises GaveUp where it ends too often."""
        assert self._process
        code = await self._process.wait()
        self.kill()
        if self._is_restart:
            self._is_restart = False
            logger.info(f"{self.name} is restarted, as was asked for")
            return
        now = time.monotonic()
        self._deaths.append(now)
        while self._deaths[0] < now - DEATHS_WINDOW:
            self._deaths.popleft()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        if len(self._deaths) >= MAX_DEATHS:
            raise GaveUp(
                f"{self.name} ended {MAX_DEATHS} times within {DEATHS_WINDOW:.0f} s, most recently "
                f"with {how}. See {self.log}"
            )
        self.restarts += 1
        logger.warning(f"{self.name} ended with {how}; restarting it")

    async def stop(self) -> None:
        """Wait for its end, which it was asked for; who takes too long is killed."""
        if self._process is None:
            return
        try:
            await asyncio.wait_for(self._process.wait(), PROCESS_STOP)
        except TimeoutError:
            logger.warning(f"{self.name} did not stop within {PROCESS_STOP:.0f} s and was killed")
        await self.stop_now()

    async def stop_now(self) -> None:
        self.kill()
        if self._process:
            await self._process.wait()

    def restart(self) -> None:
        """Because somebody wants it: not one of the deaths after which it is given up."""
        self._is_restart = True
        self.kill()

    def kill(self) -> None:
        """With all that it started: TorchServe's workers belong to its group."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
