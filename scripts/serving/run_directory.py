"""The one folder in which a running service keeps its files, and what it says of itself there."""

import fcntl
import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving.bounds import SOCKET_PATH
from scripts.serving.changes import Changes, known
from scripts.serving.scratch import begun, prefix, remove_leftovers
from scripts.serving.settings import Settings

Status = Literal["starting", "ready", "stopping", "stopped", "failed"]

DEFAULT = Path(os.environ.get("RUN_DIRECTORY") or ROOT / ".run").absolute()
_LONGEST_SOCKET = "/torchserve/.ts.sock.65535"
_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid

# What this process itself has locked. The kernel lets go of such a lock as soon as its process
# closes any descriptor of the file, so the holder never opens the file again.
_held: set[Path] = set()


@dataclass(frozen=True)
class State:
    """What a service last said of itself."""

    status: Status
    pid: int
    model: str  # that is asked where none is named
    url: str  # for users
    local_url: str  # the same, on this machine
    inference: str  # TorchServe's addresses
    management: str
    metrics: str
    settings: Settings
    archives: dict[str, int]  # of each model: the file's time (ns), which a later build changes
    children: dict[str, str]  # pid of each process, and what tells it from a later one (`birth`)
    reason: str | None = None  # when and why it failed

    @property
    def last_words(self) -> str:
        """How one that runs no longer has ended, to follow a statement; empty: it was stopped."""
        if self.status == "failed":
            return f" ({self.reason})"
        return "" if self.status == "stopped" else " (it was killed)"


@dataclass(frozen=True)
class RunDirectory:
    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def supervisor_log(self) -> Path:
        return self.logs / "supervisor.log"

    @property
    def torchserve(self) -> Path:
        """TorchServe's working directory, where it writes its keys."""
        return self.path / "torchserve"

    @property
    def keys(self) -> Path:
        return self.torchserve / "key_file.json"

    @property
    def gateway(self) -> Path:
        """What the gateway is told, keys among it; there only while the service runs."""
        return self.path / "gateway"

    @property
    def model_store(self) -> Path:
        return self.path / "model_store"

    @property
    def access_key(self) -> Path:
        """The one that clients send, where it was renewed: for whoever hands it out."""
        return self.path / "access_key"

    @property
    def targets(self) -> Path:
        """The service's metrics, as Prometheus's file_sd_config wants them."""
        return self.path / "prometheus-targets.json"

    @property
    def scratch(self) -> Path:
        """Sockets and unpacked archives; each start begins with an empty one.

        Here, or where this path is too long for a socket's in a folder for temporary files.
        """
        name = f"{prefix()}{hashlib.sha256(bytes(self.path)).hexdigest()[:12]}"
        places = [self.path / "scratch", Path(tempfile.gettempdir(), name), Path("/tmp", name)]  # noqa: S108
        room = SOCKET_PATH - len(_LONGEST_SOCKET)
        return next((place for place in places if len(bytes(place)) <= room), places[-1])

    @property
    def sockets(self) -> Path:
        """The gateway's own."""
        return self.scratch / "gateway"

    @property
    def admin(self) -> Path:
        """The socket of the gateway's admin interface."""
        return self.sockets / "admin.sock"

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

    def keep_archives(self, archives: Iterable[Path]) -> None:
        """Under names of the service's own, which a newer build does not replace."""
        store = self.model_store
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(mode=0o700)
        for archive in archives:
            kept = store / archive.name
            try:
                kept.hardlink_to(archive)  # the builder replaces its file, it never writes into it
            except OSError:  # another file system
                shutil.copyfile(archive, kept)

    @contextmanager
    def fresh_scratch(self) -> Iterator[None]:
        """Begin with empty folders, and leave none. Raises OSError where another user has them."""
        mine = (self.scratch, self.gateway)
        if self.scratch.parent != self.path:
            remove_leftovers(self.scratch.parent)
        shutil.rmtree(self.gateway, ignore_errors=True)
        self.gateway.mkdir(mode=0o700)
        lock = begun(self.scratch)
        try:
            yield
        finally:
            for folder in mine:
                shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)

    def clear(self, place: Path) -> None:
        """Make an empty folder of that place in the scratch, which may have been taken away."""
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()

    def create(self) -> None:
        for path in (self.path, self.logs, self.torchserve, self.gateway):
            # The keys are for this user alone.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the folder for as long as the block lasts; False where another process has it.

        The kernel lets go of it when the process ends, however it ends.
        """
        self.create()
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            _held.add(self._lock)
            yield True
        finally:
            _held.discard(self._lock)
            os.close(descriptor)

    def holder(self) -> int | None:
        """The pid of the service that has the folder, by the kernel's word; None: none has.

        Asking takes no lock.
        """
        if self._lock in _held:
            return os.getpid()
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, question)
        finally:
            os.close(descriptor)
        kind, _, _, _, pid = struct.unpack(_FLOCK, answer)
        return None if kind == fcntl.F_UNLCK else int(pid)

    def is_running(self) -> bool:
        return self.holder() is not None

    def state(self) -> State | None:
        """What the service last said of itself; None where none has, or where it was one of
        another version, which did not record all that this one needs.
        """
        recorded = known(State, self._recorded())
        if "settings" not in recorded:
            return None
        settings = known(Settings, recorded["settings"])
        for name in ("archive", "certificate", "private_key"):
            if settings.get(name):
                settings[name] = Path(settings[name])
        if key := self.changes().access_key:
            settings["access_key"] = key
        with suppress(TypeError):  # something else is missing
            return State(**recorded | {"settings": Settings(**settings)})
        return None

    def running_state(self) -> State | None:
        """That of the service which has the folder now, not of one before it.

        Raises ServiceError where that is of another version, and `state` can't read it.
        """
        holder = self.holder()
        if holder is None or self._recorded().get("pid") != holder:
            return None
        if state := self.state():
            return state
        raise ServiceError(
            "other_version",
            "The service was started by another version of this program. Start it again: "
            "make stop, make start",
        )

    def _recorded(self) -> dict[str, Any]:
        return _read_json(self.path / "service.json")

    def write_state(self, state: State) -> None:
        write_atomically(
            self.path / "service.json", json.dumps(asdict(state), indent=2, default=str)
        )

    def key(self, kind: Literal["inference", "management"]) -> str | None:
        """TorchServe's key of that kind; None until it has written it."""
        entry = _read_json(self.keys).get(kind)
        return str(entry["key"]) if entry else None

    def changes(self) -> Changes:
        return Changes.read(_read_json(self.path / "changes.json"))

    def record(self, changes: Changes) -> None:
        write_atomically(self.path / "changes.json", json.dumps(asdict(changes)))


def _read_json(path: Path) -> dict[str, Any]:
    """Empty where there is none, or where somebody is in the middle of writing it."""
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.replace(path)
