"""A picture that kills its worker costs its sender an error, not the service its workers.

While a worker is busy, a file names what it is working on. Whoever finds such a file without its
worker knows that one of these pictures may be the reason: they become suspects, which are worked on
one by one, after the rest of their batch. A suspect whose worker dies in this trial is condemned:
it is refused from then on. A suspect that is answered is cleared; most workers die of something
else, and two that die at once may have had the same picture: that is no second proof. Nor is the
first death that came late: TorchServe kills a worker that is slow, as on an overloaded machine.

The workers of a model share a folder: a file `*.work` for each, which it keeps locked (the kernel
unlocks it when the worker dies, however it dies), and empty files `*.suspect`, `*.late` (a suspect
whose trial ended so) and `*.condemned`, named by the SHA-256 of the picture: the packing around it
may differ each time.
"""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

DIGEST_BYTES = hashlib.sha256().digest_size
NO_PICTURE = bytes(DIGEST_BYTES)  # of a request without one, which kills no worker
TRIAL = b"\xff" * DIGEST_BYTES  # in a work file: the other digest is a suspect's, worked on alone
# A work file has its whole size from the beginning, so that a full disk changes nothing. It has
# room for far more digests than a batch has requests.
WORK_FILE_BYTES = 128 * DIGEST_BYTES
LATE = 5.0  # seconds since a batch began; TorchServe kills its worker after 10 (responseTimeout)


def digest(picture: bytes) -> bytes:
    """The name of a picture in the quarantine; of no bytes, NO_PICTURE."""
    return hashlib.sha256(picture).digest() if picture else NO_PICTURE


class Quarantine:
    def __init__(self, directory: Path) -> None:
        """directory: shared by the model's workers; created where it is missing."""
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._suspects: set[bytes] = set()
        self._began = 0.0  # when this batch did, by time.monotonic(): no clock that is put right
        self._work, name = tempfile.mkstemp(".new", dir=directory)
        fcntl.flock(self._work, fcntl.LOCK_EX)
        self._write([])
        # Locked before it has its name: unlocked, it would look like a dead worker's.
        self._own = Path(name).rename(Path(name).with_suffix(".work")).name

    def groups(self, digests: Sequence[bytes]) -> tuple[list[list[int]], list[int]]:
        """A batch's indices, in groups to be worked on one by one, and those of the condemned."""
        self._began = time.monotonic()
        names = self._names()
        if len(names) == 1:  # this worker's own file: nearly always
            return [list(range(len(digests)))], []
        for name in names:
            if name.endswith(".work") and name != self._own:
                self._examine(self._directory / name)
        names = self._names()
        condemned = [i for i, d in enumerate(digests) if f"{d.hex()}.condemned" in names]
        rest = [i for i in range(len(digests)) if i not in condemned]
        suspects = [i for i in rest if f"{digests[i].hex()}.suspect" in names]
        self._suspects = {digests[i] for i in suspects}
        others = [i for i in rest if i not in suspects]
        return [group for group in [others, *([i] for i in suspects)] if group], condemned

    @contextmanager
    def at_work(self, digests: Sequence[bytes]) -> Iterator[None]:
        """Around the work on these: it ends well or with an exception; all else is a death."""
        tried = self._suspects.intersection(digests)
        self._write([TRIAL, *tried] if tried else digests)
        try:
            yield
        finally:
            self._write([])
        for digest in tried:
            for kind in ("suspect", "late"):
                self._file(digest, kind).unlink(missing_ok=True)

    def _write(self, digests: Sequence[bytes]) -> None:
        os.pwrite(self._work, b"".join(digests).ljust(WORK_FILE_BYTES, b"\0"), 0)
        os.utime(self._work, (self._began, self._began))

    def _examine(self, work: Path) -> None:
        """Draw the conclusions, if the worker of this file is dead."""
        try:
            descriptor = os.open(work, os.O_RDWR)
        except FileNotFoundError:  # another worker was faster
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            content = os.read(descriptor, status.st_size)
            starts = range(0, len(content), DIGEST_BYTES)
            found = {content[i : i + DIGEST_BYTES] for i in starts} - {NO_PICTURE}
            late = time.monotonic() - status.st_mtime > LATE
            for digest in found - {TRIAL}:
                verdict = "condemned" if TRIAL in found else "suspect"
                if late and TRIAL in found and not self._file(digest, "late").exists():
                    verdict = "late"
                self._file(digest, verdict).touch()
            work.unlink(missing_ok=True)
        except BlockingIOError:  # its worker is alive
            return
        finally:
            os.close(descriptor)

    def _names(self) -> set[str]:
        return {path.name for path in self._directory.iterdir()}

    def _file(self, digest: bytes, kind: str) -> Path:
        return self._directory / f"{digest.hex()}.{kind}"
