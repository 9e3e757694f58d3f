"""Make the project's virtual environment, with Python's standard library alone.

What is already there is left alone: a second run downloads nothing, and one after a set-up that was
cut off goes on from there.
"""

import argparse
import fcntl
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from scripts import ROOT
from scripts.development import pip
from scripts.development.environment import Environment, OtherPython
from scripts.serving import processor

SERVING = "requirements.txt"
BUILDING = "requirements-build.txt"
TEACHING = "requirements-teach.txt"
# What each purpose needs, and the MB that its installation takes at most, downloads included.
PURPOSES = {
    "serve": ([SERVING], 1_000),
    "build": ([SERVING, BUILDING], 3_500),
    "teach": ([SERVING, BUILDING, TEACHING], 3_700),
    "dev": ([SERVING, BUILDING, TEACHING, "requirements-dev.txt"], 4_700),
    "bench": ([SERVING, BUILDING, "requirements-bench.txt"], 4_500),
    "acme": ([SERVING, "requirements-acme.txt"], 1_200),
}
NAMES = {
    SERVING: "what serving needs",
    BUILDING: "what building an archive needs",
    TEACHING: "what teaching a model needs",
    "requirements-dev.txt": "what tests need",
    "requirements-bench.txt": "what benchmarks need",
    "requirements-acme.txt": "the client for certificates",
}
GLIBC = {"x86_64": (2, 31), "aarch64": (2, 35)}  # for the wheels of Envoy and of OpenVINO
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_LIMIT = 15  # s: for one small page
CUDA = 9_000  # MB: downloads and libraries of the CUDA build


class Refused(Exception):
    """This machine can't be set up; the argument is a sentence."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("purpose", nargs="?", choices=PURPOSES, default="serve")
    parser.add_argument(
        "--torch-index",
        default=os.environ.get("TORCH_INDEX"),
        help="package index for torch and torchvision alone (default: TORCH_INDEX, else PyTorch's "
        "own index of CPU builds, else pip's)",
    )
    options = parser.parse_args()
    try:
        set_up(Environment(options.directory), options.purpose, options.torch_index)
    except (Refused, pip.Failed) as error:
        print(f"setup: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nsetup: stopped; the next run goes on from here", file=sys.stderr)
        return 130
    else:
        return 0
    return 1


def set_up(environment: Environment, purpose: str, torch_index: str | None) -> None:
    check_machine()
    begun = time.monotonic()
    locks, megabytes = PURPOSES[purpose]
    missing = [lock for lock in locks if not environment.has(lock)]
    with alone():
        check_disk(environment.directory, megabytes)
        make(environment)
        for lock in missing:
            install_lock(environment, lock)
            if lock == BUILDING:
                install_torch(environment, torch_index)
            environment.stamp(lock).touch()
    print(
        f"setup: {environment.directory} is ready: {environment.megabytes():,.0f} MB, "
        f"{time.monotonic() - begun:.0f} s"
    )


@contextmanager
def alone() -> Iterator[None]:
    """Raises Refused while another one works in this checkout."""
    checkout = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(checkout, True)
    try:
        fcntl.flock(checkout, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused("another setup of this checkout is running: wait for it") from None
    finally:
        os.close(checkout)


def check_machine() -> None:
    """Raises Refused, before anything is downloaded."""
    if sys.platform != "linux":
        raise Refused(
            "this runs on Linux alone. On macOS use a Linux container or virtual machine, on "
            "Windows WSL (wsl --install)"
        )
    if lack := processor.here().lack:
        raise Refused(lack)
    libc, version = platform.libc_ver()
    least = GLIBC.get(platform.machine(), (2, 31))
    if libc != "glibc" or tuple(map(int, version.split(".")[:2])) < least:
        raise Refused(
            "glibc {}.{} or later is needed, ".format(*least)
            + f"and here is {libc or 'another C library'} {version}. "
            "Debian 12, Ubuntu 22.04 and whatever is newer have it"
        )
    if importlib.util.find_spec("ensurepip") is None:
        version = "{}.{}".format(*sys.version_info)
        raise Refused(
            "this Python can't make virtual environments: a part of its module venv is missing. On "
            f"Debian and Ubuntu: apt install python{version}-venv"
        )


def check_disk(directory: Path, megabytes: float) -> None:
    """Raises Refused."""
    free = shutil.disk_usage(directory.parent).free / 1e6
    needed = megabytes - Environment(directory).megabytes()
    if free < needed:
        raise Refused(
            f"{free:,.0f} MB are free for {directory.absolute()}, and up to {needed:,.0f} are "
            "needed: free some, or move the checkout to a larger disk"
        )


def make(environment: Environment) -> None:
    """Raises Refused."""
    if not environment.python.exists():
        print(f"setup: {environment.directory}: Python {platform.python_version()}", flush=True)
    try:
        environment.make()
    except OtherPython as other:
        raise Refused(
            f"{environment.directory} has Python {other}, and this is "
            f"{platform.python_version()}. To change over: make clean-all"
        ) from None
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", b"").decode(errors="replace").strip().splitlines()
        raise Refused(
            f"{environment.directory} could not be made: {said[-1] if said else error}"
        ) from None


def install_lock(environment: Environment, lock: str) -> None:
    """Nothing but what the lock names, with the hashes it gives. Raises pip.Failed."""
    options = ("--require-hashes", "--no-deps", "-r", str(ROOT / lock))
    pip.install(environment, NAMES[lock], *options)


def install_torch(environment: Environment, index: str | None) -> None:
    """torch and torchvision by version alone: their builds differ, and so do the hashes.

    After the locks: what the two need is there by then, its hashes checked. What comes now is they
    and, with a CUDA build, its libraries. Raises pip.Failed, Refused.
    """
    pinned = [
        line.split()[0]
        for line in (ROOT / "requirements-build.in").read_text().splitlines()
        if line.startswith(("torch==", "torchvision=="))
    ]
    index = index or cpu_index(environment, pinned)
    options = ["--index-url", index] if index else []
    pip.install(environment, "torch", *options, *pinned)


def cpu_index(environment: Environment, pinned: list[str]) -> str | None:
    """PyTorch's own index, where the default one would bring a CUDA build and it can be reached.

    None: the default one; on other processors than x86-64 its build is a CPU build.
    """
    if platform.machine() != "x86_64":
        return None
    torch, torchvision = pinned
    installed = {
        f"{package.name}=={package.version.partition('+')[0]}"
        for package in distributions(path=[str(environment.site_packages)])
    }
    if torch in installed or pip.offers(environment, torch, "--no-index", limit=CPU_INDEX_LIMIT):
        return None
    quick = ("--retries", "0", "--timeout", "5")
    options = ("--index-url", CPU_INDEX, *quick)
    if pip.offers(environment, torchvision, *options, limit=CPU_INDEX_LIMIT):
        return CPU_INDEX
    print(
        f"setup: {CPU_INDEX} can't be reached; the default index brings the CUDA build of torch: "
        "2.6 GB more to download and 4 GB more on disk that nothing here uses. Another index of "
        "CPU builds: TORCH_INDEX=…",
        flush=True,
    )
    check_disk(environment.directory, CUDA)
    return None


if __name__ == "__main__":
    sys.exit(main())
