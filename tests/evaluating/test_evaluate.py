"""`make evaluate`: from pictures to the table and the report, on real archives."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from handler.decoding import decode
from handler.labels import IMAGENET, read_labels
from handler.resizing import network_input
from scripts import ROOT, SAMPLES
from scripts.evaluating.evaluate import main
from scripts.evaluating.record import read
from scripts.packaging.reference import Reference
from tests.evaluating.folders import PICTURE, state, write
from tests.service import SHARED

LABELS = read_labels(IMAGENET)


@pytest.fixture(scope="module")
def known(reference: Reference) -> dict[Path, int]:
    """What PyTorch takes each sample for."""
    found = {}
    for path in sorted(SAMPLES.glob("*.jpg")):
        pixels = torch.tensor(network_input(*decode(path.read_bytes()))[None])
        with torch.inference_mode():
            found[path] = int(reference(pixels)[0].argmax())
    return found


@pytest.fixture
def data(known: dict[Path, int], tmp_path: Path) -> Path:
    """Each sample in a folder of its class's name; one more that is wrong, and one unreadable."""
    folder = tmp_path / "data"
    for i, (path, class_id) in enumerate(known.items()):
        label = LABELS[class_id]
        name = (label.name, label.name_zh, label.wnid)[i % 3] or label.name
        (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    wrong = next(folder.iterdir())
    right = next(path for path in folder.glob("*/*.jpg") if path.parent != wrong)
    shutil.copy(right, wrong / "wrong.jpg")
    (wrong / "cut.jpg").write_bytes(right.read_bytes()[:5000])
    return folder


def evaluated(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.evaluate", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_table_and_report(
    data: Path, archive: Path, known: dict[Path, int], tmp_path: Path
) -> None:
    before, out = state(data), tmp_path / "out"
    done = evaluated("--data", data, "--archive", archive, "--output", out)
    assert done.returncode == 0, done.stderr
    count = len(known)
    assert (
        f"{count} of {count + 1} pictures right: accuracy {count / (count + 1):.3f}" in done.stdout
    )
    assert "1 file unreadable:" in done.stdout
    assert "cut.jpg can't be read. " in done.stdout
    assert " taken for " in done.stdout
    record = read(out / "evaluation.json")
    assert (record["right"], record["pictures"]) == (count, count + 1)
    assert [one["name"] for one in record["per_class"]][281] == LABELS[281].name
    assert "wrong.jpg" in (out / "evaluation.html").read_text("utf-8")
    assert state(data) == before
    again = evaluated(
        "--data", data, "--archive", archive, "--output", tmp_path / "again", "--json"
    )
    assert json.loads(again.stdout) == json.loads((out / "evaluation.json").read_text())
    assert (tmp_path / "again" / "evaluation.html").read_bytes() == (
        out / "evaluation.html"
    ).read_bytes()


@pytest.mark.slow
def test_the_labelled_pictures_beside_the_checkout(
    labelled: list[tuple[Path, int]], int8_archive: Path, tmp_path: Path
) -> None:
    table = SHARED / "images" / "labels.tsv"
    done = evaluated("--data", table, "--archive", int8_archive, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    record = read(tmp_path / "evaluation.json")
    assert record["pictures"] == len(labelled)
    assert record["accuracy"] > 0.75
    assert "The 30 with the lowest recall, of 250" in done.stdout


def test_of_splits_the_one_for_validation(
    known: dict[Path, int], archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, class_id = next(iter(known.items()))
    name = LABELS[class_id].name
    files = {f"train/{name}/1.png": PICTURE, f"train/{name}/2.png": PICTURE}
    write(tmp_path, {**files, f"val/{name}/1.jpg": path.read_bytes()})
    status = main(["--data", str(tmp_path), "--archive", str(archive), "--output", str(tmp_path)])
    assert status == 0
    printed = capsys.readouterr().out
    assert f"{tmp_path} holds splits: judged with val." in printed
    assert "1 of 1 picture right" in printed


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["tabby/1.png", "no such animal/1.png"], "'no such animal'"),
        ([], "has no pictures"),
        ({"tabby/1.png": PICTURE[:50]}, "None of the pictures can be read"),
    ],
)
def test_pictures_that_say_nothing(
    files: dict[str, bytes],
    sentence: str,
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = write(tmp_path / "data", files), tmp_path / "out"
    data.mkdir(exist_ok=True)
    status = main(["--data", str(data), "--archive", str(archive), "--output", str(out)])
    [line] = capsys.readouterr().err.strip().splitlines()
    assert status == 1
    assert line.startswith("evaluate: ")
    assert sentence in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Which pictures? make evaluate DATA=folder"),
        (["--data", "/nowhere"], "/nowhere: there is no such folder, CSV or zip"),
        (["--data", "tests", "--archive", "README.md"], "tests has no pictures"),
    ],
)
def test_what_cant_be_judged(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*arguments, "--run-directory", str(tmp_path)]) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert sentence in line


def test_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA", "")
    assert main([]) == 1
    assert "Which pictures?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        ("/nowhere.mar", "There is no archive /nowhere.mar"),
        ("README.md", "README.md is not a TorchServe archive"),
    ],
)
def test_what_cant_be_run(
    archive: str, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = write(tmp_path, ["cat/1.png"])
    assert main(["--data", str(data), "--archive", archive]) == 1
    assert sentence in capsys.readouterr().err


def test_without_a_service_what_was_built(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = write(tmp_path / "data", ["cat/1.png"])
    run = ["--run-directory", str(tmp_path / "run")]
    assert main(["--data", str(data), "--name", "never-built", *run]) == 1
    assert "There is no archive" in (error := capsys.readouterr().err)
    assert "model_store/never-built.mar" in error
    assert main(["--data", str(data), "--built", "/nowhere.mar", *run]) == 1
    assert "There is no archive /nowhere.mar" in capsys.readouterr().err
