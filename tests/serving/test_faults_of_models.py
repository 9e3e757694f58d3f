"""Two models under one load: what dies, and what operators do, costs clients nothing but time."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import SAMPLES
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from tests.archives import rebuilt
from tests.service import Load, Service, wait_until

pytestmark = [pytest.mark.undisturbed, pytest.mark.started]

CAT = (SAMPLES / "cat.jpg").read_bytes()
TAUGHT, NEW = "ants_bees", "flowers"
PATIENT = ("--latency", "20")  # the clients have a busy machine


@pytest.fixture(scope="module")
def service(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("model_store")
    archive = folder / int8_archive.name
    archive.hardlink_to(int8_archive)
    rebuilt(int8_archive, folder / f"{TAUGHT}.mar", "1.0", TAUGHT)
    service = Service(RunDirectory(tmp_path_factory.mktemp("run")), archive, free_port())
    service.models = f"resnet18,{TAUGHT}"
    start = service.start("--model-api")
    assert start.returncode == 0, start.stderr
    yield service
    assert service.stop().returncode == 0


@pytest.fixture
def load(service: Service, samples: list[bytes], request: pytest.FixtureRequest) -> Iterator[Load]:
    with Load(service, samples, models=("resnet18", TAUGHT)) as load:
        load.go_on(20)
        yield load
        load.go_on(50)
        wait_until(lambda: load.readiness[-1][1] == 200, 20, "/ready says so again")
    load.report(request.node.name)
    assert load.lost() == []


def manage(service: Service, *arguments: str) -> None:
    done = service.manage(*arguments)
    assert done.returncode == 0, done.stderr


def versions(service: Service) -> list[tuple[str, ...]]:
    lines = service.manage("versions").stdout.splitlines()
    return [tuple(line.split()[:3]) for line in lines if line.endswith(".mar")]


@pytest.mark.parametrize("model", ["resnet18", TAUGHT])
def test_killed_worker(service: Service, load: Load, model: str) -> None:
    (pid,) = service.worker_pids(model)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.worker_pids(model) not in ([], [pid]), 20, "another is ready")


def test_killed_torchserve_has_each_models_workers_again(service: Service, load: Load) -> None:
    manage(service, "scale", "2", "--name", TAUGHT)
    java = service.child_pid("java")
    os.kill(java, signal.SIGKILL)
    wait_until(lambda: service.child_pid("java") not in (0, java), 20, "TorchServe is back")
    wait_until(lambda: len(service.worker_pids(TAUGHT)) == 2, 30, "it has both its workers")
    wait_until(lambda: len(service.worker_pids()) == 1, 10, "the other has its one")
    manage(service, "scale", "1", "--name", TAUGHT)


def test_rollout_and_rollback_of_one(
    service: Service, load: Load, int8_archive: Path, tmp_path: Path
) -> None:
    new = rebuilt(int8_archive, tmp_path / "new.mar", "2.0", TAUGHT)
    manage(service, "rollout", str(new), *PATIENT)
    assert versions(service)[:2] == [("resnet18", "1.0", "default"), (TAUGHT, "2.0", "default")]
    load.go_on(20)
    manage(service, "rollback", "--name", TAUGHT)
    assert versions(service)[:2] == [("resnet18", "1.0", "default"), (TAUGHT, "1.0", "default")]
    refused = service.manage("rollback")
    assert (refused.returncode, "no rollout to undo" in refused.stderr) == (1, True)


def test_a_model_that_comes_later(
    service: Service, load: Load, int8_archive: Path, tmp_path: Path
) -> None:
    """It answers as soon as the command has ended, and after TorchServe's death; or not at all."""
    broken = rebuilt(
        int8_archive, tmp_path / "broken.mar", "1.0", NEW, resnet18_handler_py=b"import nothing"
    )
    done = service.manage("rollout", str(broken), *PATIENT)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "It is not served" in done.stderr
    assert service.predict(CAT, NEW).status_code == 404
    manage(service, "rollout", str(rebuilt(int8_archive, tmp_path / "n.mar", "1.0", NEW)), *PATIENT)
    assert service.predict(CAT, NEW).status_code == 200
    assert 503 not in [status for _, status in load.readiness]
    java = service.child_pid("java")
    os.kill(java, signal.SIGKILL)
    wait_until(lambda: service.child_pid("java") not in (0, java), 20, "TorchServe is back")
    assert service.predict(CAT, NEW).status_code == 200
