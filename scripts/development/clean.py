"""Remove what was built and written: archives, logs, run directory, caches; with --all also
the environments, .venv and Triton's .venv-triton.

What somebody else put into the checkout stays, an archive of one's own in model_store among it.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scripts import ROOT
from scripts.development import set_up
from scripts.serving.run_directory import DEFAULT, RunDirectory

RECIPE = ".recipe-"  # make writes one for each archive that it builds
RUN = ROOT / ".run"  # one of RUN_DIRECTORY may have others' files in it
ENVIRONMENTS = (ROOT / ".venv", ROOT / ".venv-triton")
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
CODE = ("benchmarks", "client", "deploy", "handler", "scripts", "tests")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="also the virtual environments")
    with_environment = parser.parse_args().all
    runs = RunDirectory(RUN).is_running() or RunDirectory(DEFAULT).is_running()
    if runs or (with_environment and any(map(in_use, ENVIRONMENTS))):
        print("The service is running: make stop first", file=sys.stderr)
        return 1
    try:
        with set_up.alone():
            paths = [path for path in ours(with_environment) if path.exists() or path.is_symlink()]
            for path in paths:
                remove(path)
    except set_up.Refused as error:
        print(error, file=sys.stderr)
        return 1
    shown = [path for path in paths if path.name != "__pycache__"]
    print("\n".join(f"removed {path.relative_to(ROOT)}" for path in shown) or "Nothing to remove")
    if DEFAULT != RUN and DEFAULT.exists():
        print(f"{DEFAULT} stays: it may have other files as well")
    return 0


def in_use(environment: Path) -> bool:
    """Whether a service runs from it, wherever its run directory is: Java and Envoy are in it."""
    for program in Path("/proc").glob("[0-9]*/exe"):
        with suppress(OSError):  # another user's; one that has just ended
            if environment.resolve() in program.readlink().parents:
                return True
    return False


def ours(with_environment: bool) -> Iterator[Path]:
    for recipe in sorted((ROOT / "model_store").glob(f"{RECIPE}*")):
        yield recipe.with_name(f"{recipe.name.removeprefix(RECIPE)}.mar")
        yield recipe
    yield from (ROOT / "model_store").glob("*.partial")
    yield RUN
    yield from (ROOT / name for name in CACHES)
    for room in CODE:
        yield from list((ROOT / room).rglob("__pycache__"))
    if with_environment:
        yield from ENVIRONMENTS


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
