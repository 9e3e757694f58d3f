"""The supervisor's log in the background: lines of JSON, like those of the other logs."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "level": record.levelname.lower().removesuffix("ing"),
            "ts": when,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        return json.dumps(line, ensure_ascii=False)


def take_over_output(log: Path) -> None:
    """From now on what this process prints goes there; the log of the run before is kept aside."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
