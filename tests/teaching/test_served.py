"""Right in the tool is right when served."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts import SAMPLES
from scripts.evaluating.model import Model
from tests.handler.pictures import awkward
from tests.service import Service, started


@pytest.fixture(scope="module")
def taught_service(
    taught_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with started(taught_store / "three.mar", tmp_path_factory.mktemp("run")) as service:
        yield service


def test_awkward_pictures(taught_service: Service, taught_store: Path, tmp_path: Path) -> None:
    paths = []
    for sample in sorted(SAMPLES.glob("*.jpg"))[:3]:
        for name, data in awkward(Image.open(sample).convert("RGB")).items():
            paths.append(tmp_path / f"{sample.stem} {name}")
            paths[-1].write_bytes(data)
    assert len(paths) >= 30
    with Model(taught_store / "three.mar") as model:
        found = model.classify(paths)
    assert found.none_of_these is not None
    for path, probabilities, unlike in zip(
        paths, found.probabilities, found.none_of_these, strict=True
    ):
        items = taught_service.predict(path.read_bytes(), "three").json()
        assert items[0]["class_id"] == probabilities.argmax(), path.name
        served = {item["class_id"]: item["confidence"] for item in items}
        confidences = [served[class_id] for class_id in range(3)]
        np.testing.assert_allclose(confidences, probabilities, atol=1e-3)
        assert items[0]["none_of_these"] == pytest.approx(unlike, abs=1e-3)
