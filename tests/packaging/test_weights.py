"""Where weights come from, in which order, and what is said where there are none."""

import hashlib
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from scripts.packaging import weights
from scripts.packaging.weights import WeightsError, resolve

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchvision's file in its cache, where it does not exist yet."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    name = f"resnet18-{DIGEST[:8]}.pth"
    path = tmp_path / "hub" / "checkpoints" / name
    path.parent.mkdir(parents=True)

    class Official:
        url = f"https://example.org/{name}"

        def get_state_dict(self, **options: Any) -> None:
            assert options["check_hash"]
            path.write_bytes(CONTENT)

    monkeypatch.setattr(weights, "WEIGHTS", Official())
    return path


def test_a_named_file_comes_first(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_bytes(CONTENT)
    named = tmp_path / "mine.pth"
    named.write_bytes(b"others")
    assert resolve(named) == named
    assert "no hash to check" in capsys.readouterr().out


def test_then_torchvisions_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.write_bytes(CONTENT)
    assert resolve(None) == cache
    assert "from torchvision's cache; its hash is right" in capsys.readouterr().out


def test_then_its_download(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve(None) == cache
    assert "downloaded by torchvision; its hash is right" in capsys.readouterr().out


def test_without_a_network_the_places_and_ways_out_are_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**_: Any) -> NoReturn:
        raise OSError("no route to host")

    monkeypatch.setattr(weights.WEIGHTS, "get_state_dict", unreachable)
    with pytest.raises(WeightsError) as caught:
        resolve(None)
    for part in (str(cache), weights.WEIGHTS.url, "no route", "export WEIGHTS=", "curl "):
        assert part in str(caught.value)


def test_a_named_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no such file"):
        resolve(tmp_path / "nothing.pth")


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "resnet18-00000000.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="damaged or not what its name says") as caught:
        resolve(path)
    assert DIGEST[:8] in str(caught.value)
