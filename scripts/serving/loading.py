"""Whether a new service can load its archive: TorchServe itself would try for minutes."""

import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from client.errors import ServiceError
from scripts.serving.bounds import MAX_LOADS
from scripts.serving.management import Version

# The last line of a Python traceback.
RAISED = re.compile(r"[\w.]*(?:Error|Exception)(?:: .*)?")


class Loading:
    """What is seen of a model's workers until one of them is ready."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._began = time.time()
        self._pids: dict[str, set[int]] = {}  # of each worker, one after the other
        self.has_failed = False

    def see(self, version: Version) -> None:
        for worker in version["workers"]:
            pids = self._pids.setdefault(worker["id"], set())
            if worker["pid"] > 0:
                pids.add(worker["pid"])
            # The last one may still be loading.
            self.has_failed |= len(pids) > MAX_LOADS

    def hear(self, error: ServiceError) -> None:
        """TorchServe begins to listen when it has unpacked its archives."""
        self.has_failed |= error.type == "ModelNotFoundException"

    def reason(self, logs: Path) -> str:
        """To follow "it can't be loaded": what was raised, and where more is to be read."""
        for name in ("worker.log", "torchserve.log"):
            if raised := self._raised(logs / name):
                return f": {raised}. See {logs / name}"
        return f". See worker.log, torchserve.log and torchserve.out in {logs}"

    def _raised(self, log: Path) -> str | None:
        """The first exception that was logged since the service began; others follow from it."""
        began = datetime.fromtimestamp(self._began, UTC).isoformat()
        with suppress(OSError), log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError, KeyError, TypeError):  # half a line, on a full disk
                    entry = json.loads(line)
                    raised = RAISED.fullmatch(entry["msg"]) or RAISED.match(entry["trace"])
                    if raised and entry["ts"] >= began and self._is_of(entry):
                        return raised[0].rstrip(".")
        return None

    def _is_of(self, entry: dict[str, str]) -> bool:
        """The threads of a worker have its name: W-9000-resnet18_1.0-stdout."""
        worker = re.match(r"W-\d+-(.*)_", entry["thread"])
        return worker is None or worker[1] == self._model
