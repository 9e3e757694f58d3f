"""Rollouts that have to prove themselves on labelled pictures, in a running service."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from handler.engines.ncnn import BIN
from scripts import ROOT, SAMPLES
from tests.archives import rebuilt
from tests.evaluating.folders import state
from tests.service import Service, started

PATIENT = ("--latency", "20")  # where other tests have the machine


@pytest.fixture(scope="module")
def open_service(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that takes other archives."""
    with started(archive, tmp_path_factory.mktemp("run"), "--model-api") as service:
        yield service


@pytest.fixture(scope="module")
def folder(open_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, each in a folder of what the served version says that it is."""
    folder = tmp_path_factory.mktemp("labelled")
    for path in sorted(SAMPLES.glob("*.jpg")):
        best = open_service.predict(path.read_bytes()).json()[0]
        (folder / best["class"]).mkdir(exist_ok=True)
        shutil.copy(path, folder / best["class"])
    return folder


@pytest.fixture(scope="module")
def wrong(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose classifier's rows got mixed up: the last float32s of ncnn's file are its biases."""
    with zipfile.ZipFile(archive) as contents:
        network = contents.read(BIN)
    biases = np.frombuffer(network[-4 * 1000 :], np.float32)
    mixed_up = network[: -4 * 1000] + (biases[::-1] * 1000).tobytes()
    output = tmp_path_factory.mktemp("wrong") / "wrong.mar"
    return rebuilt(archive, output, "3.0", network_ncnn_bin=mixed_up)


def test_what_is_worse_is_refused_by_the_pictures(
    open_service: Service, folder: Path, wrong: Path
) -> None:
    pictures = [path.name for path in folder.glob("*/*.jpg")]
    before = state(folder)
    for required, reason in {
        ("--require", "accuracy=0.9"): "0.9 is required. Wrong: ",
        (): "it is worse. Wrong only now: ",
    }.items():
        done = open_service.manage(
            "rollout", str(wrong), *PATIENT, "--labelled", str(folder), *required
        )
        assert done.returncode == 1
        assert f"Of {len(pictures)} labelled pictures version 3.0 gets 0 right" in done.stderr
        assert reason in done.stderr
        assert all(name in done.stderr for name in pictures[:10])
        assert "Version 1.0 keeps serving" in done.stderr
        assert [version["modelVersion"] for version in open_service.versions()] == ["1.0"]
    assert state(folder) == before


def test_what_is_as_good_passes_but_is_not_better(
    open_service: Service, folder: Path, int8_archive: Path, tmp_path: Path
) -> None:
    new = rebuilt(int8_archive, tmp_path / "int8.mar", "2.0")
    command = ("rollout", str(new), *PATIENT, "--labelled", str(folder), "--require")
    done = open_service.manage(*command, "better")
    assert done.returncode == 1
    assert "it is not surely better" in done.stderr
    done = open_service.manage(*command, "accuracy=0.6")
    assert done.returncode == 0, done.stderr
    count = len(list(folder.glob("*/*.jpg")))
    assert f"Of {count} labelled pictures version 2.0 gets" in done.stdout
    assert f"and version 1.0 {count};" in done.stdout
    assert "Version 2.0 is now serving" in done.stdout

    evaluate = [sys.executable, "-m", "scripts.evaluate", "--data", folder, "--output", tmp_path]
    judged = subprocess.run(
        [*evaluate, "--run-directory", open_service.run.path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert judged.stdout.startswith("resnet18 2.0 (int8) of "), judged.stderr
    assert open_service.manage("rollback").returncode == 0
    assert [version["modelVersion"] for version in open_service.versions()] == ["1.0"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--require", "accuracy=0.9"], "On which pictures? make rollout … LABELLED=folder"),
        (
            ["--require", "0.9", "--labelled", "."],
            "write accuracy=0.9, or better, instead of '0.9'",
        ),
        (["--require", "accuracy=9", "--labelled", "."], "'9' is not a number from 0 to 1"),
        (["--labelled", "/nowhere"], "/nowhere: there is no such folder, CSV or zip"),
        (["--labelled", "handler"], "handler has no pictures"),
    ],
)
def test_what_cant_be_asked_for(
    options: list[str], sentence: str, open_service: Service, archive: Path
) -> None:
    done = open_service.manage("rollout", str(archive), *options)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert sentence in line


def test_classes_that_the_new_version_has_not(
    open_service: Service, folder: Path, wrong: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    next(other.iterdir()).rename(other / "no such thing")
    done = open_service.manage("rollout", str(wrong), *PATIENT, "--labelled", str(other))
    assert done.returncode == 1
    assert "'no such thing'" in done.stderr
    assert "Version 1.0 keeps serving" in done.stderr
