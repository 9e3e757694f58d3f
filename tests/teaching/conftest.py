"""A model that was taught once, for all tests that look at it."""

import shutil
from pathlib import Path

import pytest

from tests.crops import crops
from tests.teaching.lessons import teach

CLASSES = {"cat": ("cat", 12), "coffee": ("coffee", 12), "temple": ("temple", 12)}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crops(tmp_path_factory.mktemp("pictures") / "three", CLASSES)


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other crops of the same."""
    few = {name: (sample, 4) for name, (sample, _) in CLASSES.items()}
    return crops(tmp_path_factory.mktemp("pictures") / "judges", few, seed=1)


@pytest.fixture(scope="session")
def taught_store(
    archive: Path, pictures: Path, judges: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model store with ImageNet's archive and that of the taught model `three`."""
    store = tmp_path_factory.mktemp("store")
    (store / archive.name).symlink_to(archive)
    assert teach(store, "--data", str(pictures), "--validation", str(judges)) == 0
    return store


@pytest.fixture
def store(archive: Path, tmp_path: Path) -> Path:
    """One that has nothing but ImageNet's."""
    store = tmp_path / "store"
    store.mkdir()
    (store / archive.name).symlink_to(archive)
    return store


@pytest.fixture
def known_store(taught_store: Path, tmp_path: Path) -> Path:
    """A copy of that with the taught model."""
    return Path(shutil.copytree(taught_store, tmp_path / "store", symlinks=True))
