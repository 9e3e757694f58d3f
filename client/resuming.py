"""What an earlier run has answered."""

import json
from pathlib import Path

from client.errors import ServiceError


def answered(path: str) -> set[str]:
    """The files with items in the lines that --json wrote there. Raises ServiceError."""
    try:
        text = Path(path).read_text("utf-8", errors="replace")
    except OSError as error:
        raise ServiceError("bad_resume", f"--resume {path}: {error.strerror}") from error
    done = set()
    *lines, unfinished = text.split("\n")
    if unfinished:
        raise ServiceError(
            "bad_resume", f"--resume {path}: its last line has no end. Delete that line"
        )
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if "items" in entry:
                done.add(entry["file"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ServiceError(
                "bad_resume", f"--resume {path}: line {number} is not one that --json writes"
            ) from None
    return done
