"""When a new service gives its archive up, and what it says then."""

import json
from pathlib import Path
from typing import Any

from client.errors import ServiceError
from scripts.serving.bounds import MAX_LOADS
from scripts.serving.loading import Loading


def version(*pids: int) -> Any:
    """As TorchServe describes it, with a worker for each pid."""
    return {"workers": [{"id": str(9000 + i), "pid": pid} for i, pid in enumerate(pids)]}


def test_a_worker_that_ends_again_and_again() -> None:
    loading = Loading("resnet18")
    for pid in range(1, MAX_LOADS + 1):
        loading.see(version(pid, 100))
        loading.see(version(-1, 100))  # between two lives
        loading.see(version(pid, 100))
    assert not loading.has_failed  # the last one may still be loading
    loading.see(version(MAX_LOADS + 1, 100))
    assert loading.has_failed


def test_many_workers_are_no_failure() -> None:
    loading = Loading("resnet18")
    loading.see(version(*range(1, 30)))
    assert not loading.has_failed


def test_an_archive_that_was_not_unpacked() -> None:
    loading = Loading("resnet18")
    loading.hear(ServiceError("unreachable", "it does not listen yet"))
    assert not loading.has_failed
    loading.hear(ServiceError("ModelNotFoundException", "Model not found: resnet18"))
    assert loading.has_failed


def test_the_first_exception_since_the_start_is_told(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    messages = {
        "1970-01-01T00:00:00.000Z": ["KeyError: 'of the run before'"],
        "9999-01-01T00:00:00.000Z": [
            "Torch worker started.",
            "    raise ValueError('source')",
            "handler.errors.Missing: is no exception's name",
            "ModuleNotFoundError: No module named 'ours'",
            "RuntimeError: which follows from it",
        ],
    }
    entries = [
        {"ts": ts, "msg": message, "trace": "", "thread": "W-9000-resnet18_1.0-stdout"}
        for ts, all in messages.items()
        for message in all
    ]
    others = {"ts": "9999-01-01T00:00:00.000Z", "msg": "OSError: of another model", "trace": ""}
    entries.insert(0, {**others, "thread": "W-9001-resnet18_b_1.0-stdout"})
    half = '{"ts": "9999-01-01T00:00\n'  # as on a full disk
    log.write_text(half + "null\n" + "".join(json.dumps(entry) + "\n" for entry in entries))
    reason = Loading("resnet18").reason(tmp_path)
    assert reason == f": ModuleNotFoundError: No module named 'ours'. See {log}"
    log.write_text('{"ts": "half a line')
    assert Loading("resnet18").reason(tmp_path).startswith(". See worker.log, torchserve.log and ")
