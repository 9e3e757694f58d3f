"""The project itself: style, types, and a README that tells the truth."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import quick, report
from benchmarks.machine import kind
from handler import errors
from scripts import ROOT


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readme_names_what_exists(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert named <= targets
    assert {"serve", "test", "start", "stop", "status", "scale", "archive"} <= named
    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"^(?:├──|└──) (\S+)", text, re.MULTILINE):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readme_lists_every_error_that_a_client_can_get(name: str) -> None:
    gateway = (ROOT / "deploy" / "gateway" / "envoy.yaml").read_text("utf-8")
    types = set(re.findall(r'"type": "(\w+)"', gateway))
    types |= {error.type for error in vars(errors).values() if hasattr(error, "type")}
    rows = re.findall(r"^\| (`.*`) \| [45]\d\d\b", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == types


def test_both_readmes_give_the_same_commands_and_names() -> None:
    english, chinese = (
        (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")
    )
    # The layout and comments are in words; so is what stands for a picture in JSON.
    commands = r"^    ((?:\$ |make |export |\.venv)[^#\n]*?) *(?:#|$)"
    assert re.findall(commands, english, re.MULTILINE) == re.findall(
        commands, chinese, re.MULTILINE
    )
    code = [set(re.findall(r"`([^`<\n]+)`", text)) for text in (english, chinese)]
    assert code[0] ^ code[1] == set()


@pytest.mark.parametrize("name", ["README.zh-CN.md", "web_client/js/strings.js"])
def test_chinese_is_set_as_chinese(name: str) -> None:
    """Punctuation of full width; a space, or a line's end, between Chinese and Latin alone."""
    text = (ROOT / name).read_text("utf-8")
    chinese, latin = "[\u4e00-\u9fff]", "[A-Za-z0-9`]"
    faults = f"{chinese}[,;:!?()]|[,;:!?()]{chinese}|{chinese}{latin}|{latin}{chinese}"
    assert re.findall(rf".*(?:{faults}|{chinese}\n *{chinese}).*", text) == []


@pytest.mark.parametrize(
    "path",
    [*(ROOT / "docs" / "performance").glob("*/*.json")],
    ids=lambda path: f"{path.parent.name} {path.stem}",
)
def test_performance_has_what_was_measured_on_its_kind_of_processor(path: Path) -> None:
    written = {"results": report.markdown, "quick": quick.markdown, "growth": report.growth}
    results = json.loads(path.read_text())
    assert path.with_suffix(".md").read_text("utf-8") == written[path.stem](results)
    assert kind(results["machine"]) == path.parent.name
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert f"performance/{path.parent.name}/" in page


def test_reliability_page_has_the_soak_that_was_recorded() -> None:
    results = json.loads((ROOT / "docs" / "reliability" / "soak.json").read_text())
    assert report.soak(results).strip() in (ROOT / "docs" / "reliability.md").read_text("utf-8")


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name
)
def test_links_of_the_documents(page: Path) -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / path).exists(), path


@pytest.mark.parametrize(
    "name",
    ["service", "manage", "trace", "classify", "build_archive", "evaluate", "duplicates", "set_up"],
)
def test_help(name: str) -> None:
    done = subprocess.run(
        [sys.executable, f"scripts/{name}.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "usage" in done.stdout
