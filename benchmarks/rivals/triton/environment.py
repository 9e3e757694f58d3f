"""Triton's own environment, .venv-triton: python -m benchmarks.rivals.triton.environment

Its wheel has a Python backend for some Pythons, each linked against that Python's own library;
NumPy 1, which the backend was built for, has wheels up to Python 3.12.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from scripts import ROOT
from scripts.development import pip
from scripts.development.environment import Environment, OtherPython

DIRECTORY = ROOT / ".venv-triton"
LOCK = "requirements-triton.txt"
VERSION = "3.12"
NEEDED = (
    f"Triton is left out: it needs a Python {VERSION} with a shared library. On Ubuntu 24.04: "
    f"apt install python{VERSION}-venv libpython{VERSION}. One that is elsewhere: "
    "TRITON_PYTHON=/path/to/python make bench"
)
NOT_READY = (
    "Triton is left out. .venv/bin/python -m benchmarks.rivals.triton.environment makes its "
    "environment, or says why it can't"
)
SERVER = Path("pytriton", "tritonserver")
STUB = "triton_python_backend_stub"


def is_ready() -> bool:
    return _stamp().exists() and _stamp().read_text().split("\n")[1] == _lock()


def server() -> list[str]:
    root = _packages() / SERVER
    return [str(root / "bin" / "tritonserver"), "--backend-directory", str(root / "backends")]


def variables() -> dict[str, str]:
    """The backend ignores Python's own variables, and takes the python3 that PATH names first."""
    return {
        "PATH": f"{DIRECTORY / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "LD_LIBRARY_PATH": _stamp().read_text().split("\n")[0],
        "HOME": os.environ.get("HOME", "/"),
    }


def main() -> int:
    if is_ready():
        return 0
    python = next(_pythons(), None)
    if python is None:
        print(NEEDED)
        return 0
    here = [str(python), "-m", __spec__.name, "here"]
    return subprocess.run(here, cwd=ROOT, check=False).returncode


def make() -> int:
    """By the Python that runs this."""
    environment = Environment(DIRECTORY)
    try:
        environment.make()
        pip.install(environment, "Triton", "--require-hashes", "--no-deps", "-r", str(ROOT / LOCK))
    except pip.Failed as error:
        print(f"Triton is left out: {error}", file=sys.stderr)
        return 0
    except (OtherPython, OSError, subprocess.CalledProcessError) as error:
        print(f"Triton is left out: {DIRECTORY} can't be made: {error}", file=sys.stderr)
        return 0
    root = environment.site_packages / SERVER
    stub = root / "backends" / "python" / STUB
    stub.unlink(missing_ok=True)
    stub.symlink_to(Path("..", "..", "python_backend_stubs", VERSION, STUB))
    _stamp().write_text(f"{sysconfig.get_config_var('LIBDIR')}\n{_lock()}")
    return 0


def _pythons() -> Iterator[str]:
    """Those that will do."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    named = os.environ.get("TRITON_PYTHON")
    found = [named] if named else [f"python{VERSION}", *pyenv.glob(f"{VERSION}.*/bin/python3")]
    asks = "import sys, sysconfig; print('{}.{}'.format(*sys.version_info), "
    asks += "sysconfig.get_config_var('Py_ENABLE_SHARED'))"
    for python in map(str, found):
        try:
            said = subprocess.run([python, "-c", asks], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        if said.stdout.split() == [VERSION, "1"]:
            yield python


def _packages() -> Path:
    return DIRECTORY / "lib" / f"python{VERSION}" / "site-packages"


def _stamp() -> Path:
    """Made last: where the backend finds Python's library, and what is installed."""
    return DIRECTORY / ".installed"


def _lock() -> str:
    return hashlib.sha256((ROOT / LOCK).read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(make() if sys.argv[1:] == ["here"] else main())
