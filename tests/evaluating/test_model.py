"""An archive's model in this process: as PyTorch and as the handler answer."""

import hashlib
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handler.decoding import decode
from handler.explanation import CLASSIFIER
from handler.resizing import network_input
from scripts import ROOT, SAMPLES
from scripts.evaluating.model import BadArchive, Model
from scripts.packaging.reference import Reference
from tests.evaluating.folders import write
from tests.handler.pictures import awkward, png_header
from tests.handler.worker import answers, loaded

PATHS = sorted(SAMPLES.glob("*.jpg"))


@pytest.fixture(scope="module")
def model(archive: Path) -> Iterator[Model]:
    with Model(archive) as model:
        yield model


def test_answers_and_embeddings_are_pytorchs(model: Model, reference: Reference) -> None:
    found = model.classify(PATHS)
    pixels = np.stack([network_input(*decode(path.read_bytes())) for path in PATHS])
    with torch.inference_mode():
        probabilities, feature_maps = reference(torch.from_numpy(pixels))
    np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-4)
    np.testing.assert_allclose(found.embeddings, feature_maps.mean((2, 3)), atol=1e-3)
    assert found.read == list(range(len(PATHS)))
    assert found.digests == [hashlib.sha256(path.read_bytes()).hexdigest() for path in PATHS]
    assert not found.unreadable


def test_the_same_as_served(model: Model, archive: Path, tmp_path: Path) -> None:
    """On pictures that other tools get wrong, too."""
    files = awkward(Image.open(PATHS[0]).convert("RGB"))
    paths = [tmp_path / name for name in sorted(files)]
    write(tmp_path, files)
    found = model.classify(paths)
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(tmp_path / "model")
    with loaded(tmp_path / "model") as handler:
        batch = [({"body": path.read_bytes()}, {"x-top-k": "1"}) for path in paths]
        documents = [answers(handler, [one])[0][0] for one in batch]
    served = [one[0]["class_id"] for one in documents]
    assert found.probabilities.argmax(1).tolist() == served
    confidences = [one[0]["confidence"] for one in documents]
    np.testing.assert_allclose(found.probabilities.max(1), confidences, atol=1e-4)


def test_unreadable_files_are_named_and_the_rows_stay_in_order(
    model: Model, tmp_path: Path
) -> None:
    whole = PATHS[0].read_bytes()
    huge = png_header(10_000, 10_000)
    files = {"1.jpg": whole, "2.jpg": whole[:5000], "3.png": b"x", "4.jpg": whole, "6.png": huge}
    write(tmp_path, files)
    paths = [tmp_path / name for name in [*files, "5.jpg", "1.jpg"]]
    found = model.classify(paths)
    assert found.read == [0, 3, 6]
    assert found.probabilities.shape == (3, 1000)
    assert [one.path.name for one in found.unreadable] == ["2.jpg", "3.png", "6.png", "5.jpg"]
    assert "JPEG" in found.unreadable[0].reason
    assert "not a picture" in found.unreadable[1].reason
    assert "10000 x 10000 pixels" in found.unreadable[2].reason
    assert found.unreadable[3].reason == "can't be read: No such file or directory"


def test_no_picture_at_all(model: Model) -> None:
    found = model.classify([])
    assert found.probabilities.shape == (0, 1000)
    assert found.embeddings.shape == (0, 512)


def test_the_heat_map_is_the_services(model: Model, archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(tmp_path)
    with loaded(tmp_path) as handler:
        [[[item]], _] = answers(
            handler, [({"body": PATHS[0].read_bytes()}, {"explain": "True", "x-top-k": "1"})]
        )
    pixels, heat_map = model.look(PATHS[0], item["class_id"])
    np.testing.assert_allclose(heat_map, item["heatmap"], atol=1e-3)
    assert (pixels == network_input(*decode(PATHS[0].read_bytes()))).all()


def test_nothing_stays_behind(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Model(archive):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lacking", ["model_card.json", "labels.tsv", CLASSIFIER, "network."])
def test_an_archive_that_lacks_something(lacking: str, archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.mar"
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w") as part:
        for name in whole.namelist():
            if not name.startswith(lacking):
                part.writestr(name, whole.read(name))
    with pytest.raises(BadArchive, match=str(path)):
        Model(path)


@pytest.mark.parametrize("data", [b"", b"text", b"PK\3\4" + bytes(100)])
def test_what_is_no_archive(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.mar"
    path.write_bytes(data)
    with pytest.raises(BadArchive, match="holds no model that runs here"):
        Model(path)


def test_a_disk_without_room(archive: Path) -> None:
    """A limit on the size of files is refused as a full disk is, where it is written to."""
    module = "scripts.evaluating.model"
    statement = f"from {module} import Model, Path; Model(Path({str(archive)!r}))"
    command = f"ulimit -f 1000; exec {sys.executable} -c {shlex.quote(statement)}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert "can't be unpacked into /" in done.stderr
    assert "File too large. TMPDIR names another folder" in done.stderr
