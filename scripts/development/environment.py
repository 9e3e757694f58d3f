"""The virtual environment: what is in it whole, and what a cut-off installation left."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import ROOT


class OtherPython(Exception):
    """The environment was made with another version; the argument is that version."""


class Environment:
    """Of the Python that runs this, or of what is already there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.python = directory / "bin" / "python"
        version = "python{}.{}".format(*sys.version_info)
        self.site_packages = directory / "lib" / version / "site-packages"

    def make(self) -> None:
        """Make it, or mend one that was cut off. Raises OtherPython, CalledProcessError."""
        there = self._says("import sys; print('{}.{}'.format(*sys.version_info))")
        if there not in (None, "{}.{}".format(*sys.version_info)):
            raise OtherPython(there)
        if there is None or not self.site_packages.is_dir():
            self._run(sys.executable, "-m", "venv", "--clear", "--without-pip", self.directory)
        for path in self.unfinished():
            shutil.rmtree(path)
        if not any(self.site_packages.glob("pip-*.dist-info")):
            self._run(self.python, "-m", "ensurepip", "--default-pip")
        self._link_checkout()

    @staticmethod
    def _run(*command: object) -> None:
        words = [str(word) for word in command]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def _says(self, code: str) -> str | None:
        try:
            found = subprocess.run([self.python, "-c", code], capture_output=True, text=True)
        except OSError:
            return None
        return found.stdout.strip() if found.returncode == 0 else None

    def _link_checkout(self) -> None:
        """Let its Python find handler/ and scripts/, wherever it is started.

        By a relative path, so that a checkout that is moved or copied finds its own.
        """
        path = os.path.relpath(ROOT, self.site_packages.resolve())
        (self.site_packages / "checkout.pth").write_text(f"{path}\n")

    def unfinished(self) -> list[Path]:
        """What names a package that is not all there: without it, pip installs that again."""
        named = self.site_packages.glob("*.dist-info")
        moved_aside = self.site_packages.glob("~*/")
        return [*(path for path in named if not is_whole(path)), *moved_aside]

    def stamp(self, lock: str) -> Path:
        """Newer than the lock if all of it is installed: requirements-dev.txt, .installed-dev."""
        return self.directory / Path(lock).stem.replace("requirements", ".installed")

    def has(self, lock: str) -> bool:
        stamp = self.stamp(lock)
        return stamp.exists() and stamp.stat().st_mtime >= (ROOT / lock).stat().st_mtime

    def megabytes(self) -> float:
        files = (path.lstat() for path in self.directory.rglob("*"))
        return sum(file.st_blocks * 512 for file in files) / 1e6


def is_whole(metadata: Path) -> bool:
    """Whether a package's installation came to its end, and each of its files has its size.

    metadata: its folder NAME-VERSION.dist-info. After a wheel's files pip writes INSTALLER, and
    then the list of files that names it ("Recording installed projects" of Python's guide).
    """
    record = metadata / "RECORD"
    rows = list(csv.reader(record.read_text("utf-8").splitlines())) if record.exists() else []
    return any(name.endswith("/INSTALLER") for name, _, _ in rows) and all(
        (path := metadata.parent / name).exists() and (not size or path.stat().st_size == int(size))
        for name, _, size in rows
    )
