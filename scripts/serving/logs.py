"""The supervisor's log in the background (lines of JSON, like the others'), and full logs."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from scripts.serving.bounds import LOG


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


def keep_before(log: Path) -> None:
    """The log of the run before gets another name."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def take_over_output(log: Path) -> None:
    """From now on what this process prints goes there."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def put_aside(log: Path) -> bool:
    """Give a full log another name and drop the oldest: two are kept besides the new one.

    Whether it was full.
    """
    try:
        if log.stat().st_size < LOG or not log.is_file():
            return False
    except FileNotFoundError:
        return False
    older, oldest = (log.with_suffix(f".{number}.log") for number in (1, 2))
    if older.exists():
        older.replace(oldest)
    log.replace(older)
    return True
