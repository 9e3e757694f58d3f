"""Folders of pictures as people have them."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image


def picture(colour: str = "red", format: str = "PNG", size: tuple[int, int] = (4, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format)
    return file.getvalue()


PICTURE = picture()


def write(folder: Path, files: Mapping[str, bytes] | list[str]) -> Path:
    """Files by path; of those with a path alone each is a picture, and of `name/` an empty folder
    is made."""
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(files[name] if isinstance(files, Mapping) else PICTURE)
    return folder


def state(folder: Path) -> str:
    """A hash over names, contents and times of all that is in it."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        total.update(f"{path}\0{about.st_mode}\0{about.st_mtime_ns}\0{about.st_size}".encode())
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()
