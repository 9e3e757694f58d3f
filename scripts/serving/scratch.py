"""Folders that are made anew, and locked so that nobody takes them for leftovers."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path


def prefix() -> str:
    """Of the names of this user's, where they are among others' files."""
    return f"classification-{os.getuid()}-"


def begun(folder: Path) -> int:
    """Make it anew and lock it: so nobody takes it for a leftover, nor does what clears away old
    files (tmpfiles.d(5)). A descriptor that keeps the lock.
    """
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists() and folder.samefile(f"/proc/self/fd/{lock}"):
            return lock
        os.close(lock)  # in between somebody took it for a leftover


def remove_leftovers(place: Path) -> None:
    """What killed services left among the temporary files: nobody has it locked."""
    for folder in place.glob(f"{prefix()}*"):
        with suppress(OSError):  # another user's; one that has just gone
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
