"""Make the project's virtual environment, with Python's standard library alone.

What is already there is left alone: a second run downloads nothing.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from scripts import ROOT

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "--requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="lock to install in addition to requirements.txt",
    )
    parser.add_argument(
        "--torch-index",
        default=os.environ.get("TORCH_INDEX"),
        help="package index for torch and torchvision alone (default: TORCH_INDEX, else pip's own)",
    )
    options = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        print(
            f"setup: Python 3.11 is needed; this is {platform.python_version()}. "
            "Name it: make serve PYTHON=python3.11",
            file=sys.stderr,
        )
        return 1
    python = options.directory / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", options.directory], check=True)
        link_checkout(python)
        install_locks(python, ["requirements.txt", *options.requirements])
        install_torch(python, options.torch_index)
    except subprocess.CalledProcessError as error:
        print(f"setup: {' '.join(map(str, error.cmd))} failed; see above", file=sys.stderr)
        return 1
    return 0


def link_checkout(python: Path) -> None:
    """Let the environment's Python find handler/ and scripts/, wherever it is started.

    By a relative path, so that a checkout that is moved or copied finds its own.
    """
    for site_packages in python.parent.parent.glob("lib/python3.*/site-packages"):
        path = os.path.relpath(ROOT, site_packages.resolve())
        (site_packages / "checkout.pth").write_text(f"{path}\n")


def install_locks(python: Path, files: list[str]) -> None:
    """Nothing but what the locks name, with the hashes they give."""
    locks = [argument for file in files for argument in ("-r", str(ROOT / file))]
    pip(python, "--require-hashes", "--no-deps", *locks)


def install_torch(python: Path, index: str | None) -> None:
    """torch and torchvision by version alone: their builds differ, and so do the hashes.

    After the locks: what the two need is there by then, its hashes checked. What comes now is they
    and, with a CUDA build, its libraries.
    """
    pinned = [
        line.split()[0]
        for line in (ROOT / "requirements.in").read_text().splitlines()
        if line.startswith(("torch==", "torchvision=="))
    ]
    if index:
        pip(python, "--index-url", index, *pinned)
        return
    report = subprocess.run(
        pip_command(python, "--dry-run", "--quiet", "--report", "-", *pinned),
        check=True,
        stdout=subprocess.PIPE,
    )
    packages = [entry["metadata"]["name"] for entry in json.loads(report.stdout)["install"]]
    if any(name.startswith("nvidia-") for name in packages):
        print(
            "setup: the default index brings the CUDA build of torch, about 5 GB that nothing "
            f"here uses; for the CPU build stop and run again with TORCH_INDEX={CPU_INDEX}",
            flush=True,
        )
    pip(python, *pinned)


def pip(python: Path, *arguments: str) -> None:
    subprocess.run(pip_command(python, *arguments), check=True)


def pip_command(python: Path, *arguments: str) -> list[str]:
    """Wheels alone: to build a source distribution pip fetches tools whose hashes nobody checks."""
    options = ("--disable-pip-version-check", "--only-binary", ":all:")
    return [str(python), "-m", "pip", "install", *options, *arguments]


if __name__ == "__main__":
    sys.exit(main())
