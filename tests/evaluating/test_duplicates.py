import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from scripts import ROOT, SAMPLES
from scripts.evaluating import duplicates
from scripts.evaluating.duplicate_groups import Found, Group, Member, find
from scripts.evaluating.model import Model
from tests.evaluating.markup import text_of

PICTURES = sorted(SAMPLES.glob("*.jpg"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of six pictures the first three more than once; among them what is none."""
    folder = tmp_path / "pictures <b>"
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
    for place, picture in enumerate(PICTURES):
        shutil.copy(picture, folder / "cats" / f"{place}.jpg")
    # Before the others in every order: no row may be taken for another's.
    (folder / "cats" / "!damaged.jpg").write_bytes(PICTURES[0].read_bytes()[:300])
    (folder / "cats" / "!note.txt").write_text("a note")
    shutil.copy(PICTURES[0], folder / "cats" / "0 copy.jpg")
    shutil.copy(PICTURES[1], folder / "dogs" / "1.jpg")
    image = Image.open(PICTURES[2])
    image.save(folder / "dogs" / "other quality.jpg", quality=90)
    image.resize((image.width * 9 // 10, image.height * 9 // 10)).save(
        folder / "dogs" / "small.png"
    )
    return folder


def contents(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    about = [(str(path), path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    return hashlib.sha256(repr(about).encode()).hexdigest()


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.duplicates", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def names(group: Group) -> list[str]:
    return ["/".join(one.file.parts[-2:]) for one in group.members]


def test_what_was_copied_is_found(archive: Path, folder: Path) -> None:
    before = contents(folder)
    with Model(archive) as model:
        found = find(model, folder, 0.97)
    assert contents(folder) == before
    assert found.pictures == 10
    assert [one.path.name for one in found.skipped] == ["!note.txt", "!damaged.jpg"]
    # The one with the most pixels, then bytes, then the shorter name is first.
    qualities = {"cats/2.jpg", "dogs/other quality.jpg"}
    assert set(names(found.groups[0])[:2]) == qualities
    assert names(found.groups[0])[2:] == ["dogs/small.png"]
    assert [names(group) for group in found.groups[1:]] == [
        ["cats/0.jpg", "cats/0 copy.jpg"],
        ["cats/1.jpg", "dogs/1.jpg"],
    ]
    assert [group.folders for group in found.groups] == [
        ["cats", "dogs"],
        ["cats"],
        ["cats", "dogs"],
    ]
    small = found.groups[0].members[2]
    with Image.open(small.file) as image:
        assert (small.width, small.height) == image.size
    assert small.bytes == small.file.stat().st_size
    assert 0.97 <= small.similarity < 1
    copies = [one.is_copy for group in found.groups for one in group.members]
    assert copies == [False, False, False, False, True, False, True]
    assert found.copies == 2


@pytest.mark.slow
def test_the_command(archive: Path, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    given = ("--data", folder, "--archive", archive, "--threshold", "0.97", "--output", page)
    done = run(*given)
    assert done.returncode == 0, done.stderr
    summary, last = done.stdout.splitlines()
    assert summary == (
        "10 pictures, 3 groups of near duplicates with 7 of them: one of each group kept, 4 could "
        "go, of which 2 are exact copies."
    )
    assert last == f"page: {page}"
    assert "!damaged.jpg can't be read" in done.stderr
    text = text_of(page.read_text("utf-8"))
    assert f"Near duplicates in {folder}" in text
    assert "exact copy" in text
    assert "in 2 folders" in text
    again = run(*given, "--json")
    found = json.loads(again.stdout)
    assert [len(group["pictures"]) for group in found["groups"]] == [3, 2, 2]
    assert found["threshold"] == 0.97
    assert found["page"] == str(page)


def test_a_browser_finds_nothing_wrong(
    archive: Path, folder: Path, tmp_path: Path, browser: Browser
) -> None:
    page = tmp_path / "page.html"
    assert (
        duplicates.main(["--data", str(folder), "--archive", str(archive), "--output", str(page)])
        == 0
    )
    tab = browser.new_page(viewport={"width": 360, "height": 800})
    seen: list[str] = []
    tab.on("console", lambda message: seen.append(message.text))
    tab.on("request", lambda request: seen.append(request.url))
    tab.goto(page.as_uri())
    assert [one for one in seen if not one.startswith("data:")] == [page.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert tab.evaluate("[...document.images].every(image => image.naturalWidth)")
    tab.context.close()


def test_a_page_of_thousands_of_groups_stays_light() -> None:
    folder = PICTURES[0].parent
    member = Member(PICTURES[0], "0" * 64, 1000, 30, 20, 1.0, False)
    many = [Group([member] * (20 if place == 0 else 2), ["."]) for place in range(4000)]
    about = {"folder": str(folder), "network": "resnet18", "threshold": 0.985}
    page = duplicates.render(Found(10_000, many, []), folder, about)
    # 12 of the first, and two of each other until a thousand are there.
    assert "The page shows the 495 largest of 4000 groups" in text_of(page)
    assert "… and 8 more." in page
    assert page.count("<img") == 1000
    assert len(page) < 10_000_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Which pictures? make duplicates DATA=folder"),
        (["--data", "/nowhere"], "there is no such folder"),
        (["--data", "{}", "--threshold", "2"], "write a number from 0.5 to 1"),
        (["--data", "{}", "--output", "{}/page.html"], "where nothing is written"),
        (["--data", "{}", "--output", "/nowhere/page.html"], "name a file in a folder"),
        (["--data", "{}", "--archive", "/nowhere.mar"], "There is no archive /nowhere.mar"),
        (["--data", "{}", "--archive", "README.md"], "holds no model that runs here"),
        (["--data", "{}/empty"], "has no picture that can be read"),
    ],
)
def test_what_cannot_be_searched(
    archive: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.setenv("ARCHIVE", str(archive))
    given = [word.replace("{}", str(folder)) for word in arguments]
    if "--output" not in given:
        given += ["--output", str(tmp_path / "page.html")]
    assert duplicates.main(given) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("duplicates: ")
    assert says in lines[0]
    assert list(tmp_path.glob("*.html")) == []
