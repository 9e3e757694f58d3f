"""What the operating system refused, in words."""

import errno
from pathlib import Path


def in_words(error: OSError, folder: Path) -> str:
    """What happened, and what to do. folder: in which the service keeps its files."""
    match error:
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return f"no space is left on the disk of {folder}. Make room and try again"
        case OSError(errno=errno.EROFS | errno.EACCES | errno.EPERM):
            return (
                f"{error.filename or folder}: {error.strerror}. The service keeps its files in "
                f"{folder}; for another folder: --run-directory FOLDER"
            )
    return f"{error.filename or folder}: {error.strerror or error}"
