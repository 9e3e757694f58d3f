"""The bare loop: the service's answers, by every engine that is exact."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bare import FILES, Bare, Loop, add_exact_engines, own_engine, pillow_input
from scripts import SAMPLES
from tests.service import SHARED


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(directory)
    card = json.loads((directory / "model_card.json").read_text("utf-8"))
    add_exact_engines(directory, SHARED / "weights" / card["weights"]["file"])
    return directory


@pytest.mark.slow
def test_engines_that_are_called_exact_are(unpacked: Path, samples: list[bytes]) -> None:
    pictures = np.stack([pillow_input(data) for data in samples])
    expected = Loop(unpacked, 1).engine.infer(pictures)[0].copy()
    for name in FILES:
        found = Loop(unpacked, 1, name).engine.infer(pictures)[0]
        assert np.abs(found - expected).max() < 1e-4, name


@pytest.mark.slow
def test_the_loop_answers_as_the_service_does(unpacked: Path, samples: list[bytes]) -> None:
    (answer,) = Loop(unpacked, 1).classify(samples[:1])
    best, *_ = json.loads(answer)
    assert best["class"] and 0 < best["confidence"] <= 1
    assert len(json.loads(answer)) == 3


@pytest.mark.slow
def test_the_fastest_way_is_one_that_was_tried(unpacked: Path) -> None:
    with Bare({"fp32": unpacked}, sorted(SAMPLES.glob("*.jpg")), 1) as loop:
        assert loop.ways["fp32"].engine in FILES
        assert loop.throughput("fp32", 0.5).throughput > 0
        assert 0 < loop.lone("fp32", 0.5) < 1000
    assert own_engine(unpacked) in FILES
