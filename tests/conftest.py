"""The real parts, started once: an archive, TorchServe and the gateway, on free ports."""

import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from scripts import SAMPLES
from scripts.development.variables import Work
from scripts.evaluating.options import Search
from scripts.packaging.recipe import Recipe
from scripts.packaging.reference import Reference, load_reference
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from scripts.serving.variables import variables
from scripts.teaching.lesson import Lesson
from tests.archives import TWO_KINDS, of_two_kinds
from tests.service import ARCHIVES, SHARED, Service, started
from tests.web_client.browser import launched

# The user's own, for a service of theirs; ours have none but in the tests of each.
for _settings in (Settings, Recipe, Search, Work, Lesson):
    for _variable in variables(_settings):
        os.environ.pop(_variable.name, None)
# Nor does a proxy of theirs lead to what the tests ask on this machine.
for _name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.upper(), None)

# What a shell started in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Fixtures that start something. What uses one is marked by itself, and is no part of `make check`.
STARTED = {
    *("service", "int8_service", "two_kinds_service", "other", "browser"),
    *("attacked", "faulty", "guarded", "locked", "logging_service", "open_service"),
    *("taught_service", "watched"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if STARTED & fixtures:
            item.add_marker("started")
        if "int8_archive" in fixtures:
            item.add_marker("slow")  # `make check` builds the other one alone


def pytest_runtest_setup(item: pytest.Item) -> None:
    Service.may_start = item.get_closest_marker("started") is not None


@pytest.fixture(scope="session")
def archive() -> Path:
    """What `make test` has built from real weights: without them there is nothing to test."""
    assert ARCHIVES["fp32"].is_file(), "run `make archive` first (make test does)"
    return ARCHIVES["fp32"]


@pytest.fixture(scope="session")
def int8_archive() -> Path:
    assert ARCHIVES["int8"].is_file(), "run `make archive PRECISION=int8` first (make test does)"
    return ARCHIVES["int8"]


@pytest.fixture(scope="session")
def reference(archive: Path) -> Reference:
    """PyTorch with the archive's weights."""
    with zipfile.ZipFile(archive) as contents:
        card = json.loads(contents.read("model_card.json"))
    return load_reference(SHARED / "weights" / card["weights"]["file"])


@pytest.fixture(scope="session")
def service(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(archive, tmp_path_factory.mktemp("run")) as service:
        yield service


@pytest.fixture(scope="session")
def int8_service(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(int8_archive, tmp_path_factory.mktemp("run")) as service:
        yield service


@pytest.fixture(scope="session")
def two_kinds(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a model such as one is taught."""
    return of_two_kinds(archive, tmp_path_factory.mktemp("two_kinds") / f"{TWO_KINDS}.mar")


@pytest.fixture(scope="session")
def two_kinds_service(
    two_kinds: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with started(two_kinds, tmp_path_factory.mktemp("run")) as service:
        yield service


@pytest.fixture
def other(archive: Path, tmp_path: Path) -> Iterator[Service]:
    """A second service, not yet started: default ports are taken, it finds others."""
    service = Service(RunDirectory(tmp_path / "run dir"), archive, free_port())
    yield service
    assert service.stop().returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def samples() -> list[bytes]:
    return [path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))]


@pytest.fixture(scope="session")
def labelled() -> list[tuple[Path, int]]:
    """250 ImageNet pictures and their class_id. Not part of the project."""
    table = SHARED / "images" / "labels.tsv"
    if not table.is_file() and not os.environ.get("CI"):
        pytest.skip("needs the labelled pictures beside the checkout")
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    return [(table.with_name(name), int(class_id)) for name, class_id in rows]
