"""A rollout that is interrupted at each of its steps: the next command puts right what it left."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.errors import ServiceError
from scripts import ROOT, SAMPLES
from scripts.operating.canaries import Bounds
from scripts.operating.change import in_a_sentence, one_at_a_time
from scripts.operating.rollout import Rollout, Row, scale, set_default, versions
from scripts.serving.changes import Changes, Wanted
from scripts.serving.management import Management
from scripts.serving.run_directory import RunDirectory
from tests.archives import PREPROCESSING, only, rebuilt, with_fault
from tests.service import Service, started, wait_until

SLOW = b"slow"
CAT = (SAMPLES / "cat.jpg").read_bytes()
FULL = "memory is full"
RESTARTING = "TorchServe is restarting. Try again in a moment"
STATEMENT = "import time; time.sleep(2)"


@pytest.fixture(scope="module")
def open_service(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that takes other archives, takes its time for pictures that end so, and can load no
    further worker while a file says so.
    """
    folder = tmp_path_factory.mktemp("a")
    slow = with_fault(int8_archive, folder / "slow.mar", SLOW, STATEMENT)
    run = RunDirectory(tmp_path_factory.mktemp("run"))
    with zipfile.ZipFile(slow) as contents:
        source = contents.read(PREPROCESSING).decode()
    source += f"\nfrom pathlib import Path\nassert not Path({str(run.path / FULL)!r}).exists()\n"
    archive = rebuilt(slow, folder / "resnet18-int8.mar", "1.0", preprocessing_py=source.encode())
    with started(archive, run.path, "--model-api") as service:
        yield service


@pytest.fixture(scope="module")
def new(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("new") / "new.mar"
    return with_fault(int8_archive, path, SLOW, STATEMENT, "2.0")


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "cat.jpg").write_bytes(CAT + SLOW)
    return folder


def states(service: Service) -> dict[str, list[str]]:
    """The states of each loaded version's workers."""
    return {
        one["modelVersion"]: [worker["status"] for worker in one["workers"]]
        for one in service.versions()
    }


def default(service: Service) -> str:
    try:
        return Management.of(service.run, "resnet18").default()["modelVersion"]
    except ServiceError:  # TorchServe is away
        return ""


def store(service: Service) -> set[str]:
    return {path.name for path in service.run.model_store.iterdir()}


# What can be seen from outside when a rollout of 2.0 has come so far.
BEFORE: dict[str, Callable[[Service], bool]] = {
    "copied": lambda service: len(store(service)) > 1,
    "loading": lambda service: "2.0" in states(service),
    "canaries": lambda service: "READY" in states(service).get("2.0", []),
}
AFTER: dict[str, Callable[[Service], bool]] = {
    "recorded": lambda service: service.run.changes().models["resnet18"].previous is not None,
    "draining": lambda service: default(service) == "2.0" and "1.0" in states(service),
}


@pytest.fixture
def interrupted(
    open_service: Service, new: Path, canaries: Path
) -> Iterator[Callable[[str, int], int]]:
    """Rolls out until that step and sends that signal; returns the exit status."""
    service = open_service

    def run(step: str, number: int) -> int:
        assert (list(states(service)), len(store(service))) == (["1.0"], 1)
        command = [sys.executable, "-m", "scripts.manage"]
        command += ["--run-directory", str(service.run.path), "rollout", str(new)]
        with subprocess.Popen(
            [*command, "--canaries", str(canaries), "--latency", "20"],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        ) as rollout:
            if step == "draining":  # the old version has something to do
                wait_until(lambda: BEFORE["canaries"](service), 30, "canaries are asked")
                for _ in range(2):
                    threading.Thread(target=service.predict, args=(CAT + SLOW,)).start()
            wait_until(lambda: (BEFORE | AFTER)[step](service), 60, f"it is {step}")
            rollout.send_signal(number)
            status = rollout.wait(60)
            assert rollout.stderr
            said = rollout.stderr.read()
            assert "Traceback" not in said
            assert said.endswith("interrupted. See: make versions\n") == (status == 128 + number)
        return status

    yield run
    if default(service) == "2.0":
        assert service.manage("rollback").returncode == 0
    # So that the next one finds it as this one did.
    service.run.record(only(service.archive.name))
    assert service.manage("scale", "1").returncode == 0


QUICK = [("loading", signal.SIGTERM)]


@pytest.mark.parametrize(
    ("step", "number"),
    [
        pytest.param(step, number, marks=() if (step, number) in QUICK else pytest.mark.long)
        for step in BEFORE
        for number in (signal.SIGINT, signal.SIGTERM)
    ],
)
def test_interrupted_it_leaves_nothing(
    open_service: Service, interrupted: Callable[[str, int], int], step: str, number: int
) -> None:
    service, before = open_service, open_service.run.changes()
    assert interrupted(step, number) == 128 + number
    assert list(states(service)) == ["1.0"]
    assert store(service) == {service.archive.name}
    assert service.run.changes() == before


@pytest.mark.long
@pytest.mark.parametrize("step", AFTER)
def test_interrupted_too_late_it_is_done(
    open_service: Service, interrupted: Callable[[str, int], int], step: str
) -> None:
    # Between the record and the mask for signals there is a moment.
    assert interrupted(step, signal.SIGINT) in (0, 130)
    assert (list(states(open_service)), default(open_service)) == (["2.0"], "2.0")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=() if step == "draining" else pytest.mark.long)
        for step in BEFORE | AFTER
    ],
)
def test_what_a_killed_one_left_is_put_right(
    open_service: Service, interrupted: Callable[[str, int], int], step: str
) -> None:
    service = open_service
    assert interrupted(step, signal.SIGKILL) == -signal.SIGKILL
    wanted, other = ("1.0", "2.0") if step in BEFORE else ("2.0", "1.0")
    if step in ("canaries", "draining"):
        for command in ("versions", "status"):
            lines = service.manage(command).stdout.splitlines()
            assert "unrecorded" in next(line for line in lines if f"{other} " in line)
    done = service.manage("scale", "1")
    assert done.returncode == 0, done.stderr
    if step in ("canaries", "draining"):
        assert f"version {other} of resnet18 was unloaded" in done.stderr
    assert (list(states(service)), default(service)) == ([wanted], wanted)
    assert len(store(service)) == (1 if step in BEFORE else 2)


@pytest.mark.long
@pytest.mark.parametrize("step", BEFORE | AFTER)
def test_a_new_torchserve_has_what_is_recorded(
    open_service: Service, interrupted: Callable[[str, int], int], step: str
) -> None:
    service = open_service
    interrupted(step, signal.SIGKILL)
    wanted = "1.0" if step in BEFORE else "2.0"
    java = service.child_pid("java")
    os.kill(java, signal.SIGKILL)
    wait_until(lambda: service.child_pid("java") not in (0, java), 20, "TorchServe is back")
    wait_until(lambda: states(service) == {wanted: ["READY"]}, 30, "it has the recorded version")
    assert service.predict(CAT).status_code == 200


def test_one_at_a_time(open_service: Service, new: Path) -> None:
    service = open_service
    with one_at_a_time(service.run):
        for command in ("rollout", "scale 2", "rotate-keys"):
            archive = [str(new)] if command == "rollout" else []
            done = service.manage(*command.split(), *archive)
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
            assert "in progress" in done.stderr


def test_the_way_out_is_open(open_service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """What is recorded can't be done: the commands that change the record go on."""
    service, run, archive = open_service, open_service.run, open_service.archive.name
    lost = Changes({"resnet18": Wanted(("lost.mar", archive), previous=archive)})
    run.record(lost)
    done = service.manage("default", "9.9")
    assert (done.returncode, run.changes()) == (1, lost)
    assert "Version 9.9 is not loaded" in done.stderr.splitlines()[-1]
    for way_out in (
        lambda: set_default(run, "resnet18", "1.0"),
        lambda: Rollout(run).roll_back("resnet18", Bounds()),
    ):
        run.record(lost)
        way_out()
        assert "TorchServe has not loaded lost.mar" in capsys.readouterr().err
        assert run.changes() == only(archive, 1)
    assert versions(run) == [Row("resnet18", "1.0", "default", archive, False)]


def test_fewer_workers_where_the_recorded_can_t_be_loaded(
    open_service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service, run = open_service, open_service.run
    run.record(only(service.archive.name, 2))
    full = run.path / FULL
    full.touch()
    try:
        scale(run, "resnet18", 1)
    finally:
        full.unlink()
    assert "its worker ended" in capsys.readouterr().err
    assert run.changes().models["resnet18"].workers == 1
    assert states(service) == {"1.0": ["READY"]}


def test_torchserve_restarts_meanwhile(open_service: Service, new: Path, canaries: Path) -> None:
    """What a command and a look at the versions say of it; nothing is left of the command."""
    service, run = open_service, open_service.run
    before, java, said = run.changes(), service.child_pid("java"), set()
    command = [sys.executable, "-m", "scripts.manage", "--run-directory", str(run.path)]
    command += ["rollout", str(new), "--canaries", str(canaries)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as rollout:
        wait_until(lambda: BEFORE["canaries"](service), 60, "canaries are asked")
        os.kill(java, signal.SIGKILL)

        def is_back() -> bool:
            try:
                return [row.version for row in versions(run)] == ["1.0"]
            except ServiceError as error:
                said.add(in_a_sentence(error, run))
            return False

        wait_until(lambda: service.child_pid("java") not in (0, java) and is_back(), 60, "it is")
        assert rollout.wait(120) == 1
        assert rollout.stderr
        assert rollout.stderr.read() == f"rollout: {RESTARTING}\n"
    assert RESTARTING in said
    assert said <= {RESTARTING, RESTARTING.replace("restarting", "still starting")}
    assert (run.changes(), store(service)) == (before, {service.archive.name})


def test_what_a_rollback_would_restore_is_marked(
    open_service: Service, new: Path, canaries: Path
) -> None:
    """Loaded or not; and a limit of speed is the rollout's alone."""
    service = open_service
    rollout = ("rollout", str(new), "--canaries", str(canaries))

    def states() -> dict[str, tuple[str, bool]]:
        return {row.version: (row.state, row.before) for row in versions(service.run)}

    done = service.manage(*rollout)
    assert done.returncode == 1
    head, again = done.stderr.strip().split(" To accept that: .venv/bin/python -m scripts.manage ")
    assert head.endswith("the limit is 1 s. Version 1.0 keeps serving.")
    assert service.command("manage", *shlex.split(again), "--beside").returncode == 0
    unchanged = service.manage("default", "1.0")
    assert unchanged.stdout == "Version 1.0 is the default already; nothing was changed\n"
    assert states() == {"1.0": ("default", False), "2.0": ("loaded", False)}
    assert "To undo" in service.manage("default", "2.0").stdout
    assert states() == {"1.0": ("loaded", True), "2.0": ("default", False)}
    listed = service.manage("versions").stdout.splitlines()
    assert any(line.split()[1:4] == ["1.0", "loaded,", "before"] for line in listed)
    done = service.manage("rollback", "--canaries", str(canaries))  # it takes two seconds
    assert done.returncode == 0, done.stderr
    assert service.manage("unload", "2.0").returncode == 0
    assert states() == {"1.0": ("default", False), "2.0": ("unloaded", True)}
    service.run.record(only(service.archive.name))
    assert service.manage("scale", "1").returncode == 0
