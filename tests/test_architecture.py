"""docs/architecture.md tells the truth: rooms, arrows, no circles, nothing too long."""

import ast
import glob
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from scripts import ROOT

LONGEST_MODULE = 300  # lines
LONGEST_FUNCTION = 50
LONGEST_COMMAND = 60


def files(pattern: str) -> list[str]:
    """Paths of the checkout, without what is hidden (.venv). It may have come without git."""
    # Not pathlib's, which looks into .venv, too.
    return sorted(glob.glob(pattern, root_dir=ROOT, recursive=True))  # noqa: PTH207


def name_of(path: str) -> str:
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {name_of(path): path for path in files("**/*.py")}
TREES = {name: ast.parse((ROOT / path).read_text("utf-8")) for name, path in SOURCES.items()}


def imports(name: str) -> Iterator[str]:
    """The project's modules that a module imports, at whatever place."""
    for node in ast.walk(TREES[name]):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module)):
                inside = [f"{module}.{alias.name}" for alias in node.names]
                names = [one if one in SOURCES else module for one in inside]
            case _:
                continue
        yield from (one for one in names if one in SOURCES and one != name)


def room(name: str) -> str:
    first, *rest = name.split(".")
    inside = first == "scripts" and rest and Path(ROOT, first, rest[0]).is_dir()
    return f"{first}/{rest[0]}" if inside else first


def documented() -> dict[str, set[str]]:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z/]+)` \|[^|]*\|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    return {name: set(re.findall(r"`([a-z/]+)`", cell)) for name, cell in rows}


def test_the_documents_arrows_are_the_imports() -> None:
    arrows: dict[str, set[str]] = {name: set() for name in map(room, SOURCES)}
    for name in SOURCES:
        # `scripts` itself holds nothing but the checkout's place.
        targets = {room(one) for one in imports(name) if one != "scripts"}
        arrows[room(name)] |= targets - {room(name)}
    for free in ("tests", "benchmarks", "deploy"):
        arrows.pop(free, None)
    expected = documented()
    inside = {name for name in expected if name.startswith("scripts/")}
    # The commands import whatever does their work; nobody imports a command.
    assert arrows.pop("scripts") <= inside | {"client"}
    assert "scripts/" in "".join(expected.pop("scripts"))
    assert arrows == expected
    assert not [name for name in expected if "scripts" in expected[name]]


def test_no_circle() -> None:
    graph = {name: set(imports(name)) for name in SOURCES}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_scripts_are_commands() -> None:
    for path in files("scripts/*.py"):
        lines = (ROOT / path).read_text("utf-8").splitlines()
        assert len(lines) < LONGEST_COMMAND, path
        assert path == "scripts/__init__.py" or 'if __name__ == "__main__":' in lines, path


@pytest.mark.parametrize("pattern", ["**/*.py", "web_client/js/*.js"])
def test_no_module_is_too_long(pattern: str) -> None:
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in files(pattern)}
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_every_function_fits_a_screen() -> None:
    functions = [
        (node.end_lineno - node.lineno + 1, SOURCES[name], node.name)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    assert [one for one in functions if one[0] > LONGEST_FUNCTION] == []


def test_files_that_the_document_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = re.findall(r"`((?:[\w./-]+/)?[\w-]+\.(?:py|md|yaml|js))`", text)
    for name in names:
        places = [ROOT / name, *(ROOT / name_ / name for name_ in ("handler", "scripts/serving"))]
        assert any(place.exists() for place in places) or "/" not in name, name
