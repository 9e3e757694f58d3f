"""What is printed, for any name and any answer: no byte of it does what it should not."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import models
from client.classifier import Item
from client.errors import ServiceError
from client.models import Model
from client.output import Csv, JsonLines, Table, model_lines, visible
from handler import model_card, ranking
from scripts import ROOT
from tests.client.foreign import answer, foreign

TINY: Item = {
    "class": "tabby", "class_zh": "埃及猫", "class_id": 281, "wnid": None, "confidence": 4.8e-05
}  # fmt: skip
FAILED = ServiceError("unreadable", "can't be read: \x1b[2J")
anything = st.text(st.characters(exclude_categories=[]))  # surrogates too


def rows(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def same(one: str, other: str) -> bool:
    """Also where one has two surrogates for a character."""
    return one.encode("utf-16", "surrogatepass") == other.encode("utf-16", "surrogatepass")


def test_items_are_the_service_s() -> None:
    assert Item.__annotations__ == ranking.Item.__annotations__
    for name in ("Evaluation", "NoneOfThese"):
        theirs, ours = (getattr(module, name) for module in (models, model_card))
        assert theirs.__annotations__ == ours.__annotations__


@given(anything)
def test_a_name_stays_on_its_line_and_moves_nothing(name: str) -> None:
    shown = visible(name)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", shown)  # turn text round
    lines = Table().text((name, FAILED)).splitlines()
    assert len(lines) == 2
    assert "\x1b" not in lines[1]


def test_names_of_people_are_left_as_they_are() -> None:
    for name in ("全角\u3000空格.jpg", "👩\u200d👩\u200d👧.jpg", "naïve café.jpg"):
        assert visible(name) == name


@given(anything)
def test_json_gives_names_back(name: str) -> None:
    for outcome in (FAILED, [TINY]):
        text = JsonLines().text((name, outcome))
        # As standard output writes it.
        raw = text.encode("utf-8", "backslashreplace")
        assert len(raw.splitlines()) == 1
        read = json.loads(raw.decode())
        assert read["file"].encode("utf-16", "surrogatepass") == name.encode(
            "utf-16", "surrogatepass"
        )
        assert b"\x1b" not in raw
    assert read["items"] == [TINY]


@given(st.text(st.characters(exclude_categories=["C"]) | st.sampled_from("=+-@\t\r\n,\"'")))
def test_csv_gives_names_back(name: str) -> None:
    csv_ = Csv(1, "resnet18")
    [good, bad] = rows(csv_.header() + csv_.text((name, [TINY])) + csv_.text((name, FAILED)))
    for row in (good, bad):
        guarded = row["file"] != name
        assert row["file"].removeprefix("'" if guarded else "") == name
        assert len(name) < 2 or row["file"][0] not in "=+-@\t\r"
    assert good == {
        "file": good["file"], "class": "tabby", "class_zh": "埃及猫",
        "class_id": "281", "wnid": "", "confidence": "0.000048", "error": "",
        "model": "resnet18", "none_of_these": "",
    }  # fmt: skip
    assert bad["error"] == r"can't be read: \x1b[2J"
    assert bad["model"] == ""


@pytest.mark.parametrize("name", ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    writer = Csv(1, "resnet18")
    item: Item = {**TINY, "class": name}
    text = (
        writer.header() + writer.text((name, [item])) + writer.text(("a", ServiceError("x", name)))
    )
    cells = [cell for row in rows(text) for cell in row.values()]
    assert cells.count(f"'{name}") == 3
    assert name not in cells


def test_standard_input_is_no_formula() -> None:
    assert Csv(1, "resnet18").text(("-", [TINY])).startswith("-,tabby,")


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_a_picture_is_a_row_however_many_classes_the_model_has(answers: int) -> None:
    """csv.DictReader would show a row that is too long as a column None, or fill in a short one."""
    writer = Csv(2, "resnet18")
    table = csv.reader(io.StringIO(writer.header() + writer.text(("a", [TINY] * answers))))
    header, row = table
    second = ["class_2", "class_zh_2", "class_id_2", "wnid_2", "confidence_2"]
    assert header[6:] == [*second, "error", "model", "none_of_these"]
    assert len(row) == len(header)
    assert [row[1], row[6], row[11]] == ["tabby", "tabby" if answers > 1 else "", ""]


def test_a_picture_that_is_none_of_these_in_a_table() -> None:
    words = "  probably none of the kinds that the model knows"
    for score, is_told in ((0.949, False), (0.95, True)):
        text = Table().text(("a", [{**TINY, "none_of_these": score}]))
        assert (text.splitlines()[-1] == words) == is_told


def test_a_picture_that_is_none_of_these() -> None:
    text = Csv(1, "ants").text(("a", [{**TINY, "none_of_these": 0.996}]))
    assert text.endswith(",,ants,0.996\r\n")


def test_models_are_listed() -> None:
    evaluation: models.Evaluation = {
        "accuracy": 0.9613,
        "interval": [0.917, 0.982],
        "pictures": 153,
        "held_out": "val/",
        "majority": 0.5,
        "calibration_error": 0.03,
    }
    taught: Model = {
        "name": "猫",
        "version": "1.0",
        "versions": ["1.0"],
        "ready": True,
        "precision": None,
        "architecture": None,
        "none_of_these": None,
        "samples": [],
        "class_count": 1,
        "classes": [{"class": "a\x1b", "class_zh": None, "class_id": 0, "wnid": None}],
        "evaluation": evaluation,
    }
    many: Model = {**taught, "name": "x", "classes": taught["classes"] * 1000, "evaluation": None}
    assert model_lines([taught, many], "table") == (
        "猫  1.0  1 classes      accuracy 96.1%  a\\x1b\n"
        "x   1.0  1,000 classes                  a\\x1b, a\\x1b, a\\x1b, …\n"
    )
    lines = model_lines([taught, many], "json").splitlines()
    assert [json.loads(line) for line in lines] == [taught, many]
    assert model_lines([], "table") == ""


NAMES = [b"\xff\xfe.jpg", "猫.jpg".encode(), b"a\nb.jpg", b"\x1b[31m.jpg", b"-x.jpg", b"=1+1.jpg"]
LOCALES = {
    "C.UTF-8": {"LC_ALL": "C.UTF-8"},
    "en_US.UTF-8": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8:strict"},
    "C": {"LC_ALL": "C"},
    "ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "Latin-1": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize(
    ("format", "locale"),
    [
        *((None, locale) for locale in LOCALES),
        *((format, locale) for format in ("--json", "--csv") for locale in ("C.UTF-8", "ASCII")),
    ],
)
def test_any_name_in_any_locale(format: str | None, locale: str, tmp_path: Path) -> None:
    for name in NAMES:
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(b"\xff\xd8\xff")
    said = answer(200, json.dumps([TINY]).encode())
    environment = {name: value for name, value in os.environ.items() if name != "LC_ALL"}
    with foreign(said) as server:
        command = [sys.executable, "-m", "scripts.classify", "--url", server.url]
        done = subprocess.run(
            [*command, *([format] if format else []), "--", *NAMES, b"/gone/\xff", tmp_path],
            cwd=tmp_path, env=environment | LOCALES[locale] | {"PYTHONPATH": str(ROOT)},
            capture_output=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.decode("ascii") == (
        f"classify: skipped: {len(NAMES)} named twice\n"
        f"classify: 1 of {len(NAMES) + 1} pictures failed\n"
    )
    assert b"\x1b" not in done.stdout
    if format == "--json":
        read = [json.loads(line) for line in done.stdout.decode().splitlines()]
        assert [one["items"] for one in read[:-1]] == [[TINY]] * len(NAMES)
        if locale == "C.UTF-8":
            assert [os.fsencode(one["file"]) for one in read[:-1]] == NAMES
    elif format == "--csv":
        assert [row["class_zh"] for row in rows(done.stdout.decode())] == [
            *["埃及猫"] * len(NAMES),
            "",
        ]
    else:
        lines = done.stdout.decode("utf-8" if "UTF" in locale or locale == "C" else "ascii")
        assert len(lines.splitlines()) == 2 * len(NAMES) + 2


def test_no_lock_between_processes_is_made() -> None:
    """From Python 3.14 on it brings a process of its own, with words of its own at the end."""
    check = (
        "import sys; from client.output import tqdm; tqdm.write(''); "
        "sys.exit('multiprocessing.synchronize' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, timeout=60).returncode == 0
