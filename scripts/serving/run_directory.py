"""The one folder in which a running service keeps its files, and what it says of itself there."""

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Changes:
    """What operators changed since the start, and TorchServe forgets when it ends."""

    workers: int | None = None  # of the default version
    archives: tuple[str, ...] = ()  # loaded from the model store, the default version's first
    previous: str | None = None  # the archive that the last rollout or rollback replaced


@dataclass(frozen=True)
class RunDirectory:
    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def torchserve(self) -> Path:
        """TorchServe's working directory, where it writes its keys."""
        return self.path / "torchserve"

    @property
    def keys(self) -> Path:
        return self.torchserve / "key_file.json"

    @property
    def inference_key(self) -> Path:
        """What the gateway sends; empty until the TorchServe that runs has made its own."""
        return self.path / "inference.key"

    @property
    def model_store(self) -> Path:
        return self.path / "model_store"

    @property
    def targets(self) -> Path:
        """The service's metrics, as Prometheus's file_sd_config wants them."""
        return self.path / "prometheus-targets.json"

    def keep_archive(self, archive: Path) -> Path:
        """The archive under a name of the service's own, which a newer build does not replace."""
        store = self.model_store
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(mode=0o700)
        kept = store / archive.name
        try:
            kept.hardlink_to(archive)  # the builder replaces its file, it never writes into it
        except OSError:  # another file system
            shutil.copyfile(archive, kept)
        return kept

    def create(self) -> None:
        for path in (self.path, self.logs, self.torchserve):
            # The keys are for this user alone.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lock(self) -> int | None:
        """A descriptor that holds the folder until it is closed; None where a service has it.

        The kernel lets go of it when the process ends, however it ends.
        """
        self.create()
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def is_running(self) -> bool:
        if not self.path.is_dir():
            return False
        descriptor = self.lock()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def state(self) -> dict[str, Any]:
        """What the service last said of itself: pid, status, url, addresses, settings."""
        return _read_json(self.path / "service.json")

    def write_state(self, state: dict[str, Any]) -> None:
        write_atomically(self.path / "service.json", json.dumps(state, indent=2))

    def key(self, kind: str) -> str | None:
        """TorchServe's "inference" or "management" key; None until it has written it."""
        entry = _read_json(self.keys).get(kind)
        return str(entry["key"]) if entry else None

    def changes(self) -> Changes:
        recorded = _read_json(self.path / "changes.json")
        return Changes(**recorded | {"archives": tuple(recorded.get("archives", ()))})

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
