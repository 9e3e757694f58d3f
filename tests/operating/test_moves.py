"""The table of states and moves in docs/operations.md, as a walk that takes each move after each.

What is expected is computed here, from the table's words alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path

import pytest

from client.errors import ServiceError
from scripts import SAMPLES
from scripts.operating.rollout import versions
from tests.archives import rebuilt
from tests.service import Service, started, wait_until

CAT = (SAMPLES / "cat.jpg").read_bytes()


@pytest.fixture(scope="module")
def open_service(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that takes other archives."""
    with started(int8_archive, tmp_path_factory.mktemp("run"), "--model-api") as service:
        yield service


@dataclass
class Table:
    """What should be served, and the moves."""

    service: Service
    archive: Path  # that new versions are made of
    folder: Path
    default: str = "1.0"
    beside: list[str] = field(default_factory=list)
    previous: str | None = None
    workers: int = 1
    made: int = 1

    def new(self) -> tuple[str, str]:
        """An archive and its version."""
        self.made += 1
        version = f"{self.made}.0"
        return str(rebuilt(self.archive, self.folder / f"{version}.mar", version)), version

    def do(self, *command: str, refused: bool = False) -> None:
        done = self.service.manage(*command)
        assert done.returncode == (1 if refused else 0), (command, done.stderr)
        assert len(done.stderr.splitlines()) == (1 if refused else 0)

    def rollout(self) -> None:
        archive, version = self.new()
        self.do("rollout", archive)
        self.previous, self.default = self.default, version

    def rollout_beside(self) -> None:
        archive, version = self.new()
        self.do("rollout", "--beside", archive)
        self.beside.append(version)

    def rollout_of_a_loaded_one(self) -> None:
        if not self.beside:
            self.do("rollout", str(self.archive_of(self.default)), refused=True)
            return
        version = self.beside.pop()
        self.do("rollout", str(self.archive_of(version)))
        self.previous, self.default = self.default, version

    def archive_of(self, version: str) -> Path:
        return self.archive if version == "1.0" else self.folder / f"{version}.mar"

    def set_default(self) -> None:
        if not self.beside:
            self.do("default", "0.1", refused=True)
            return
        version = self.beside.pop()
        self.do("default", version)
        self.beside.append(self.default)
        self.previous, self.default = self.default, version

    def rollback(self) -> None:
        if self.previous is None:
            self.do("rollback", refused=True)
            return
        self.do("rollback")
        version, self.previous = self.previous, self.default
        if version in self.beside:
            self.beside.remove(version)
            self.beside.append(self.default)
        self.default = version

    def unload(self) -> None:
        if not self.beside:
            self.do("unload", self.default, refused=True)
            return
        self.do("unload", self.beside.pop())

    def scale(self) -> None:
        self.workers = 3 - self.workers
        self.do("scale", str(self.workers))

    def restart(self) -> None:
        # The supervisor kills it. Of deaths that nobody wanted it gives up after five a minute.
        self.do("rotate-keys")
        wait_until(lambda: self.loaded() == self.expected(), 30, "all versions are back")

    def expected(self) -> dict[str, str]:
        return {self.default: "default"} | dict.fromkeys(self.beside, "loaded")

    def loaded(self) -> dict[str, str]:
        """Versions and what they are, where the default has as many workers as it should."""
        try:
            rows = versions(self.service.run)
        except ServiceError:  # TorchServe is away
            return {}
        assert [row.version for row in rows if row.before] == [self.previous] * bool(self.previous)
        listed = {row.version: row.state for row in rows if row.state != "unloaded"}
        ready = [
            worker["status"]
            for one in self.service.versions()
            if one["modelVersion"] == self.default
            for worker in one["workers"]
        ]
        return listed if ready == ["READY"] * self.workers else {}

    def check(self) -> None:
        assert self.loaded() == self.expected()
        assert self.service.predict(CAT).status_code == 200
        replaced = self.previous not in (None, *self.beside)
        assert len(list(self.service.run.model_store.iterdir())) == (
            1 + len(self.beside) + replaced
        )


MOVES: list[Callable[[Table], None]] = [
    Table.set_default,
    Table.rollback,
    Table.rollout,
    Table.rollout_beside,
    Table.rollout_of_a_loaded_one,
    Table.unload,
    Table.scale,
    Table.restart,
]


def each_after_each() -> list[Callable[[Table], None]]:
    """A closed walk that takes every pair of moves once (Hierholzer)."""
    left = {move: list(MOVES) for move in MOVES}
    path, walk = [MOVES[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            walk.append(path.pop())
    return walk[::-1]


def test_the_walk_has_every_pair() -> None:
    walk = each_after_each()
    assert sorted(map(repr, pairwise(walk))) == sorted(map(repr, product(MOVES, repeat=2)))


@pytest.mark.long
def test_moves(open_service: Service, int8_archive: Path, tmp_path: Path) -> None:
    table = Table(open_service, int8_archive, tmp_path)
    for move in each_after_each():
        print(move.__name__, table.expected(), table.previous)
        move(table)
        table.check()
