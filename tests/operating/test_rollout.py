"""Archives rolled out in a running service, under 20 plain clients that retry nothing."""

import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from handler.engines.ncnn import BIN
from scripts import ROOT, SAMPLES
from tests.archives import rebuilt
from tests.service import Load, Service, started

pytestmark = pytest.mark.undisturbed

PATIENT = ("--latency", "20")  # where 20 clients have a busy machine
CAT = (SAMPLES / "cat.jpg").read_bytes()


@pytest.fixture(scope="module")
def archives(
    archive: Path, int8_archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("archives")
    return {
        "int8": rebuilt(int8_archive, folder / "int8.mar", "2.0"),
        "no handler": rebuilt(
            archive, folder / "x.mar", "3.0", resnet18_handler_py=b"import nothing"
        ),
        "nowhere": folder / "nothing.mar",
        "text": ROOT / "README.md",
        "directory": folder,
        "same version": archive,
    }


@pytest.fixture(scope="module")
def wrong(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose classifier's rows got mixed up: the last float32s of ncnn's file are its biases."""
    with zipfile.ZipFile(archive) as contents:
        network = contents.read(BIN)
    biases = np.frombuffer(network[-4 * 1000 :], np.float32)
    mixed_up = network[: -4 * 1000] + (biases[::-1] * 1000).tobytes()
    output = tmp_path_factory.mktemp("wrong") / "wrong.mar"
    return rebuilt(archive, output, "4.0", network_ncnn_bin=mixed_up)


@pytest.fixture(scope="module")
def open_service(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that takes other archives."""
    with started(archive, tmp_path_factory.mktemp("run"), "--model-api") as service:
        yield service


def default(service: Service) -> str:
    versions = service.manage("versions").stdout.splitlines()
    return next(line.split()[1] for line in versions if " default " in line)


def answers(service: Service) -> str:
    """Which archive answered."""
    return service.predict(CAT).headers["x-model"]


def test_nothing_is_lost_while_it_changes(
    open_service: Service, archives: dict[str, Path], wrong: Path, samples: list[bytes]
) -> None:
    service = open_service
    with Load(service, samples, clients=20) as load:
        load.go_on(40)
        for workers in ("2", "1"):
            assert service.manage("scale", workers).returncode == 0
            load.go_on(40)

        done = service.manage("rollout", str(archives["int8"]), *PATIENT)
        assert done.returncode == 0, done.stderr
        assert default(service) == "2.0"
        assert answers(service) == "resnet18-int8"
        load.go_on(40)

        for archive, reason in {
            wrong: "expected best class on",
            archives["no handler"]: "its worker ended",
        }.items():
            done = service.manage("rollout", str(archive), *PATIENT)
            assert done.returncode == 1
            assert reason in done.stderr
            assert "Version 2.0 keeps serving" in done.stderr
            assert [version["modelVersion"] for version in service.versions()] == ["2.0"]
            load.go_on(40)

        done = service.manage("rollback")
        assert done.returncode == 0, done.stderr
        assert default(service) == "1.0"
        assert answers(service) == "resnet18-fp32"
        load.go_on(40)
    load.report("scale 1 > 2 > 1, rollout, two refused ones, rollback")
    assert load.lost() == []


def test_a_rollout_outlives_torchserve(open_service: Service, samples: list[bytes]) -> None:
    service = open_service
    assert service.manage("rollback").returncode == 0  # takes the rollback back
    assert answers(service) == "resnet18-int8"
    with Load(service, samples) as load:
        load.go_on(20)
        java = service.child_pid("java")
        os.kill(java, signal.SIGKILL)
        load.go_on(60)
    assert load.lost() == []
    assert default(service) == "2.0"
    assert answers(service) == "resnet18-int8"
    assert service.manage("rollback").returncode == 0
    assert answers(service) == "resnet18-fp32"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text", "not a TorchServe archive"),
        ("directory", "not a TorchServe archive"),
        ("nowhere", "There is no"),
        ("same version", "Version 1.0 is already loaded"),
    ],
)
def test_what_is_no_new_version(
    open_service: Service, archives: dict[str, Path], name: str, reason: str
) -> None:
    done = open_service.manage("rollout", str(archives[name]))
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert default(open_service) == "1.0"


def test_beside(open_service: Service, int8_archive: Path, tmp_path: Path) -> None:
    service = open_service
    archive = rebuilt(int8_archive, tmp_path / "a.mar", "5.0")
    assert service.manage("rollout", str(archive), "--beside", *PATIENT).returncode == 0
    url = f"{service.url}/predictions/resnet18"
    models = [requests.post(url + v, CAT, timeout=60).headers["x-model"] for v in ("", "/5.0")]
    assert models == ["resnet18-fp32", "resnet18-int8"]
    done = service.manage("default", "9.9")
    assert done.returncode == 1
    assert "Version 9.9 is not loaded; loaded: 1.0, 5.0" in done.stderr
    for command, default in {
        "default 5.0": "resnet18-int8",
        "rollback": "resnet18-fp32",
        "unload 5.0": "resnet18-fp32",
    }.items():
        assert service.manage(*command.split()).returncode == 0
        assert answers(service) == default
    assert requests.post(f"{url}/5.0", CAT, timeout=60).status_code == 404


def test_bounds(open_service: Service, int8_archive: Path, tmp_path: Path) -> None:
    archive = rebuilt(int8_archive, tmp_path / "a.mar", "6.0")
    store = set(open_service.run.model_store.iterdir())
    done = open_service.manage("rollout", str(archive), "--latency", "0.001")
    assert done.returncode == 1
    assert "took up to" in done.stderr
    assert "the limit is 0.001 s. Version 1.0 keeps serving. To accept that: " in done.stderr
    assert [version["modelVersion"] for version in open_service.versions()] == ["1.0"]
    assert set(open_service.run.model_store.iterdir()) == store
    expected = tmp_path / "expected.jsonl"
    expected.write_text('{"file": "cat.jpg", "items": [{"class": "x"}]}\n')
    done = open_service.manage("rollout", str(archive), "--expected", str(expected))
    assert done.returncode == 1
    assert "has no answers for astronaut.jpg" in done.stderr
    for options, reason in {
        ("--canaries", str(tmp_path)): "no pictures",
        ("--canaries", str(tmp_path / "nowhere")): "no pictures",
        ("--expected", str(tmp_path)): "can't be read as answers",
    }.items():
        done = open_service.manage("rollout", str(archive), *options)
        assert reason in done.stderr
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_off_by_default(service: Service, int8_archive: Path) -> None:
    done = service.manage("rollout", str(int8_archive))
    assert done.returncode == 1
    assert "make start MODEL_API=1" in done.stderr
    done = service.manage("rollback")
    assert "make start MODEL_API=1" in done.stderr
