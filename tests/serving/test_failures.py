"""What the operating system refused, in words."""

import errno
import os
from pathlib import Path

import pytest
import requests

from scripts.serving.failures import in_words


def refused(number: int, name: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (refused(errno.ENOSPC), "no space is left on the disk of /run. Make room and try again"),
        (refused(errno.EACCES, "/run/x"), "/run/x: Permission denied. The service keeps its files"),
        (refused(errno.ENOENT, "/y"), "/y: No such file or directory"),
        (requests.ConnectionError("no answer"), "/run: no answer"),
    ],
)
def test_in_words(error: OSError, sentence: str) -> None:
    assert in_words(error, Path("/run")).startswith(sentence)
