"""What the locks promise, and whether what is installed here keeps it. Nothing is downloaded."""

import hashlib
import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.development.set_up import install_locks

LOCKS = ["requirements", "requirements-dev", "requirements-bench"]
LOCKED = re.compile(r"(\S+)==([^\s;]+)( ; [^-]+)?( --hash=sha256:[0-9a-f]{64})+")


def lines(path: Path) -> list[str]:
    """Requirements, one each, without comments."""
    whole = re.sub(r"\\\n\s*", "", path.read_text("utf-8"))
    return [
        line.strip()
        for line in re.sub(r"(^|\s)#.*", "", whole, flags=re.MULTILINE).split("\n")
        if line.strip()
    ]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lock(name: str) -> dict[str, str]:
    found = [LOCKED.fullmatch(line) for line in lines(ROOT / f"{name}.txt")]
    return {normal(match[1]): match[2] for match in found if match}


@pytest.mark.parametrize("name", LOCKS)
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


@pytest.mark.parametrize("name", LOCKS)
def test_every_direct_pin_is_in_its_lock(name: str) -> None:
    pins = dict(line.split("==") for line in lines(ROOT / f"{name}.in"))
    locked = lock(name)
    for package in pins.keys() - {"torch", "torchvision"}:
        assert locked.get(normal(package)) == pins[package], package


def test_locks_agree() -> None:
    serving = lock("requirements")
    for name in LOCKS[1:]:
        for package, locked in lock(name).items():
            assert serving.get(package, locked) == locked, package


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_what_is_installed_is_what_is_locked(name: str) -> None:
    assert {package: version(package) for package in lock(name)} == lock(name)


def test_torch_is_the_pinned_one() -> None:
    pins = dict(line.split("==") for line in lines(ROOT / "requirements.in"))
    for package in ("torch", "torchvision"):
        assert version(package).partition("+")[0] == pins[package]


def test_nothing_installed_misses_what_it_requires() -> None:
    subprocess.run([sys.executable, "-m", "pip", "check"], check=True)


class TestInstallLocks:
    @pytest.fixture
    def target(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for name, value in {
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(tmp_path),
            "PIP_TARGET": str(tmp_path / "installed"),
        }.items():
            monkeypatch.setenv(name, value)
        return tmp_path / "installed"

    def install(self, folder: Path, digest: str) -> None:
        file = folder / "lock.txt"
        file.write_text(f"locked==1.0 --hash=sha256:{digest}\n")
        install_locks(Path(sys.executable), [str(file)])

    def test_brings_what_has_the_hash_and_nothing_else(self, target: Path) -> None:
        wheel(target.parent, "unlocked")
        digest = wheel(target.parent, "locked", requires="unlocked")
        self.install(target.parent, digest)
        assert (target / "locked.py").exists()
        assert not (target / "unlocked.py").exists()

    def test_refuses_what_has_another_hash(
        self, target: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        digest = wheel(target.parent, "locked")
        with pytest.raises(subprocess.CalledProcessError):
            self.install(target.parent, digest[::-1])
        assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
        assert not target.exists()


def wheel(folder: Path, name: str, requires: str | None = None) -> str:
    """A wheel of one empty module; its sha256."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA",
            metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        )
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()
