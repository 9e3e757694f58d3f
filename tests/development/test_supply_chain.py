"""What the locks promise, and whether what is installed here keeps it. Nothing is downloaded."""

import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import ROOT

LOCKS = [f"requirements{part}" for part in ("", "-build", "-teach", "-dev", "-bench", "-acme")]
APART = "requirements-triton"  # of an environment of its own
LOCKED = re.compile(r"(\S+==[^\s;]+(?: ; [^-]+)?)( --hash=sha256:[0-9a-f]{64})+")


def lines(path: Path) -> list[str]:
    """Requirements, one each, without comments."""
    whole = re.sub(r"\\\n\s*", "", path.read_text("utf-8"))
    return [
        line.strip()
        for line in re.sub(r"(^|\s)#.*", "", whole, flags=re.MULTILINE).split("\n")
        if line.strip()
    ]


def pins(texts: Iterable[str]) -> dict[str, str]:
    """Versions by package, of those that this machine needs."""
    found = map(Requirement, texts)
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in found
        if one.marker is None or one.marker.evaluate()
    }


def lock(name: str) -> dict[str, str]:
    found = [LOCKED.fullmatch(line) for line in lines(ROOT / f"{name}.txt")]
    return pins(match[1] for match in found if match)


@pytest.mark.parametrize("name", [*LOCKS, APART])
def test_every_line_of_a_lock_is_an_exact_version_with_hashes(name: str) -> None:
    assert [line for line in lines(ROOT / f"{name}.txt") if not LOCKED.fullmatch(line)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_torch_no_cuda_and_no_index(name: str) -> None:
    apart = {"torch", "torchvision", *lines(ROOT / "requirements-cuda.in")}
    assert not apart & lock(name).keys()
    assert not [package for package in lock(name) if package.startswith(("nvidia-", "cuda-"))]
    text = (ROOT / f"{name}.txt").read_text("utf-8")
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("name", [*LOCKS, APART])
def test_every_direct_pin_is_in_its_lock(name: str) -> None:
    direct, locked = pins(lines(ROOT / f"{name}.in")), lock(name)
    for package in direct.keys() - {"torch", "torchvision"}:
        assert locked.get(package) == direct[package], package


def test_locks_agree() -> None:
    seen: dict[str, str] = {}
    for name in LOCKS:
        for package, locked in lock(name).items():
            assert seen.setdefault(package, locked) == locked, package


def test_triton_runs_the_versions_of_the_others() -> None:
    serving, apart = lock("requirements"), lock(APART)
    assert {name for name in apart.keys() & serving if apart[name] != serving[name]} == {"numpy"}
    assert apart["numpy"].startswith("1.")  # its backend was built for it


@pytest.mark.parametrize(
    "name", ["requirements", "requirements-build", "requirements-teach", "requirements-dev"]
)
def test_what_is_installed_is_what_is_locked(name: str) -> None:
    assert {package: version(package) for package in lock(name)} == lock(name)


def test_serving_needs_nothing_that_only_building_needs() -> None:
    apart = {"torch", "torchvision", "nncf", "pnnx", "scikit-learn", "torch-model-archiver"}
    assert not apart & lock("requirements").keys()
    assert apart - {"torch", "torchvision"} <= lock("requirements-build").keys()


def test_torch_is_the_pinned_one() -> None:
    direct = pins(lines(ROOT / "requirements-build.in"))
    for package in ("torch", "torchvision"):
        assert version(package).partition("+")[0] == direct[package]


def test_nothing_installed_misses_what_it_requires() -> None:
    subprocess.run([sys.executable, "-m", "pip", "check"], check=True)
