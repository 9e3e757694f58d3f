"""Several models side by side: what befalls one is none of the others' business."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts import SAMPLES
from scripts.serving.bounds import NOTHING_SUCCEEDED
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from tests.archives import rebuilt, with_fault
from tests.service import Load, Service, error, wait_until

pytestmark = [pytest.mark.started, pytest.mark.slow]

CAT = (SAMPLES / "cat.jpg").read_bytes()
TAUGHT, BROKEN = "ants_bees", "broken"


@pytest.fixture(scope="module")
def store(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what a checkout's model store has: ImageNet's, and what was taught."""
    folder = tmp_path_factory.mktemp("model_store")
    (folder / int8_archive.name).hardlink_to(int8_archive)
    rebuilt(int8_archive, folder / f"{TAUGHT}.mar", "1.0", TAUGHT)
    handler = b"import what_nobody_has"
    rebuilt(int8_archive, folder / f"{BROKEN}.mar", "1.0", BROKEN, resnet18_handler_py=handler)
    return folder


@pytest.fixture(scope="module")
def service(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With a model that can't be loaded beside two that can."""
    archive = store / "resnet18-int8.mar"
    service = Service(RunDirectory(tmp_path_factory.mktemp("run")), archive, free_port())
    service.models = f"resnet18,{BROKEN},{TAUGHT}"
    start = service.start()
    assert start.returncode == 0, start.stderr
    assert f"{BROKEN} can't be loaded: ModuleNotFoundError: No module named 'what" in start.stdout
    assert "the others are served" in start.stdout
    yield service
    assert service.stop().returncode == 0


def ready(service: Service, model: str = "") -> int:
    where = f"/ready/{model}" if model else "/ready"
    return requests.get(f"{service.url}{where}", timeout=30).status_code


def kill(service: Service) -> None:
    java = service.child_pid("java")
    os.kill(java, signal.SIGKILL)
    wait_until(lambda: service.child_pid("java") not in (0, java), 20, "TorchServe is back")


def test_each_answers_at_its_address(service: Service) -> None:
    for model in ("resnet18", TAUGHT):
        for what in ("predictions", "explanations"):
            answer = requests.post(f"{service.url}/{what}/{model}", CAT, timeout=60)
            assert (answer.status_code, len(answer.json())) == (200, 3)
        large = service.predict(CAT + bytes(600_000), f"{model}/1.0?top_k=1")
        assert (large.status_code, len(large.json())) == (200, 1)
        assert ready(service, model) == 200
    assert ready(service) == 200


def test_what_can_not_be_loaded_is_not_there(service: Service) -> None:
    """Its worker isn't begun again and again, nor by another TorchServe; it is not forgotten."""
    wait_until(lambda: service.predict(CAT, BROKEN).status_code == 404, 5, "the gateway knows")
    assert error(service.predict(CAT, "nobody's")) == (404, "not_found")
    assert [ready(service, model) for model in (BROKEN, "nobody's")] == [404, 404]
    assert [version["workers"] for version in service.versions(BROKEN)] == [[]]
    kill(service)
    wait_until(lambda: ready(service) == 200, 30, "it is ready again")
    assert service.versions(BROKEN) == []
    assert f"{BROKEN} can't be loaded" in service.manage("status").stdout
    done = service.manage("scale", "2", "--name", BROKEN)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "can't be loaded" in done.stderr


def test_each_is_scaled_by_itself(service: Service) -> None:
    assert service.manage("scale", "2", "--name", TAUGHT).returncode == 0
    assert [len(service.worker_pids(model)) for model in ("resnet18", TAUGHT)] == [1, 2]
    lines = service.manage("versions").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["resnet18", "1.0", "default"],
        [TAUGHT, "1.0", "default"],
    ]
    assert service.manage("scale", "1", "--name", TAUGHT).returncode == 0


def test_each_is_counted_by_itself(service: Service) -> None:
    for _ in range(3):
        assert service.predict(CAT, TAUGHT).status_code == 200

    def counted() -> float:
        page = requests.get(f"{service.state.metrics}/metrics", timeout=10).text
        line = rf'^classification_pictures_total{{model="{TAUGHT}",.*}} (\S+)$'
        return sum(map(float, re.findall(line, page, re.MULTILINE)))

    wait_until(lambda: counted() >= 3, 5, "they are counted")
    [target] = service.targets("supervisor")
    exported = requests.get(f"http://{target}/metrics", timeout=10).text
    for line in (
        'service_ready{model="resnet18"} 1.0',
        f'service_ready{{model="{TAUGHT}"}} 1.0',
        f'service_ready{{model="{BROKEN}"}} 0.0',
        f'service_workers{{model="{TAUGHT}",state="READY",version="1.0"}} 1.0',
    ):
        assert line in exported


@pytest.mark.parametrize(("stopped", "other"), [("resnet18", TAUGHT), (TAUGHT, "resnet18")])
def test_one_that_stands_still_keeps_nobody_from_another(
    service: Service, stopped: str, other: str
) -> None:
    """With more requests waiting for it than go to TorchServe at once, large ones among them."""
    (pid,) = service.worker_pids(stopped)
    os.kill(pid, signal.SIGSTOP)
    with Load(service, [CAT, CAT + bytes(600_000)], clients=40, models=(stopped,)) as load:
        times = []
        for _ in range(20):
            began = time.monotonic()
            assert service.predict(CAT, other).status_code == 200
            times.append(time.monotonic() - began)
        wait_until(lambda: ready(service, stopped) == 503, 15, f"{stopped} is not ready")
        assert [ready(service, other), ready(service)] == [200, 503]
        wait_until(lambda: ready(service, stopped) == 200, 40, f"{stopped} is back")
    print(f"beside one that stands still: {max(times):.2f} s at most")
    assert max(times) < 2
    assert load.lost() == []


@pytest.mark.long
def test_one_that_answers_nothing_gets_new_workers(int8_archive: Path, tmp_path: Path) -> None:
    """Whose workers seem well to TorchServe, which goes on with the other model."""
    store, ill = tmp_path / "model_store", tmp_path / "ill"
    store.mkdir()
    (store / int8_archive.name).hardlink_to(int8_archive)
    statement = f"import os; assert not os.path.exists({str(ill)!r})"
    faulty = with_fault(int8_archive, tmp_path / "faulty.mar", b"", statement)
    rebuilt(faulty, store / f"{TAUGHT}.mar", "1.0", TAUGHT)
    service = Service(RunDirectory(tmp_path / "run"), store / int8_archive.name, free_port())
    service.models = f"resnet18,{TAUGHT}"
    start = service.start()
    assert start.returncode == 0, start.stderr
    try:
        java, workers = service.child_pid("java"), service.worker_pids(TAUGHT)
        ill.touch()
        log = service.run.supervisor_log
        said = f"{TAUGHT} answered no prediction for 45 s; new workers begin"
        wait_until(lambda: said in log.read_text(), NOTHING_SUCCEEDED + 30, "it is told")
        assert (ready(service, TAUGHT), ready(service, "resnet18")) == (503, 200)
        ill.unlink()
        wait_until(lambda: ready(service, TAUGHT) == 200, 30, "it is ready again")
        assert service.worker_pids(TAUGHT) not in ([], workers)
        assert service.child_pid("java") == java
    finally:
        assert service.stop().returncode == 0
