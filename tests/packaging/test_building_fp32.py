"""Whole fp32 archives, from weights to answers."""

from pathlib import Path

import pytest
import torch

from scripts import SAMPLES
from scripts.packaging.reference import torchvision
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from tests.packaging.building import built, weights_options
from tests.service import Service


@pytest.mark.slow
def test_fp32_archive_is_reproducible(archive: Path, tmp_path: Path) -> None:
    done = built(tmp_path / "x.mar", *weights_options())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.mar").read_bytes() == archive.read_bytes()


@pytest.mark.started
@pytest.mark.slow
def test_weights_of_ones_own(tmp_path: Path) -> None:
    """A network with two classes and its own labels goes through the same door."""
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), tmp_path / "mine.pth")
    (tmp_path / "mine.txt").write_text("ja\nnein\n")
    archive = tmp_path / "resnet18-mine.mar"
    options = ["--weights", str(tmp_path / "mine.pth"), "--labels", str(tmp_path / "mine.txt")]
    assert built(archive, *options).returncode == 0
    service = Service(RunDirectory(tmp_path / "run"), archive, free_port())
    try:
        assert service.start().returncode == 0
        items = service.predict((SAMPLES / "cat.jpg").read_bytes()).json()
    finally:
        service.stop()
    assert sorted(item["class"] for item in items) == ["ja", "nein"]
    assert {item["class_zh"] for item in items} == {None}
