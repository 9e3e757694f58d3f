"""Tables of files and labels as people have them."""

from pathlib import Path

import pytest

from scripts.evaluating.labelled import NotLabelled, read
from tests.evaluating.folders import state, write
from tests.service import SHARED

ROWS = [("a/1.png", "cat"), ("a/2.png", "dog"), ("a/3.png", "dog")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data", [file for file, _ in ROWS])


def table(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
@pytest.mark.parametrize("header", ["", "file{}label\n", "label{}breed\n", "Bild{}Rasse\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_forms(separator: str, header: str, encoding: str, end: str, folder: Path) -> None:
    lines = [separator.join(row) for row in ROWS]
    text = end.join([header.format(separator).strip(), *lines, ""])
    labelled = read(table(folder, text.encode(encoding)))
    assert [(str(one.path.relative_to(folder)), one.label) for one in labelled.pictures] == ROWS
    assert labelled.classes == ["cat", "dog"]
    assert not labelled.skipped


@pytest.mark.parametrize(
    "cells",
    [
        ["a\\1.png", "a\\2.png", "a\\3.png"],
        ["C:\\Users\\me\\data\\a\\1.png", "C:\\x\\a\\2.png", "D:\\a\\3.png"],
        ["1", "2", "3"],
        ["1.png", "2.PNG", "3"],
        ["./a/1.png", "a/../a/2.png", "/home/other/a/3.png"],
    ],
)
def test_paths_of_other_machines_and_ids(cells: list[str], folder: Path) -> None:
    write(folder, {"a/1.xml": b"<x/>"})
    text = "".join(f"{cell},{label}\n" for cell, (_, label) in zip(cells, ROWS, strict=True))
    labelled = read(table(folder, f"id,label\n{text}"))
    assert [one.path.name for one in labelled.pictures] == ["1.png", "2.png", "3.png"]


def test_a_file_of_another_folder_is_not_taken(folder: Path) -> None:
    write(folder, ["b/3.png"])
    labelled = read(table(folder, "a/1.png,cat\na/2.png,dog\nc/3.png,dog\n3,dog\n"))
    assert [(one.path.name, one.reason) for one in labelled.skipped[:2]] == [
        ("3.png", "is not there (line 3 of labels.csv)"),
        ("3", "may be any of a/3.png, b/3.png (line 4 of labels.csv)"),
    ]


def test_rows_without_file_and_files_without_row(folder: Path) -> None:
    write(folder, {"a/4.png": b"", "a/notes.txt": b"x"})
    before = state(folder)
    path = table(folder, "a/1.png,cat\na/2.png,dog\na/gone.png,cat\na/4.png,cat\na/3.png,\nx\n")
    labelled = read(path)
    assert [(one.path.name, one.reason) for one in labelled.skipped] == [
        ("gone.png", "is not there (line 3 of labels.csv)"),
        ("4.png", "is empty (line 4 of labels.csv)"),
        ("3.png", "has no label (line 5 of labels.csv)"),
        ("x", "is not there (line 6 of labels.csv)"),
    ]
    path.write_text("a/1.png,cat\na/2.png,dog\n")
    labelled = read(path)
    assert [(one.path.name, one.reason) for one in labelled.skipped] == [
        ("3.png", "has no row in labels.csv")
    ]
    assert "Beside the others, without a row: 1 picture." in labelled.notes
    path.unlink()
    folder.touch()
    assert state(folder) == before


def test_names_in_a_table_may_have_slashes_and_commas(folder: Path) -> None:
    rows = 'a/1.png,"tench, Tinca tinca"\na/2.png,AC/DC\na/3.png,"say ""hi"""\n'
    assert read(table(folder, rows)).classes == ["AC/DC", 'say "hi"', "tench, Tinca tinca"]


@pytest.mark.parametrize("cell", ["cat|dog", '"dog,cat"', '"cat;dog"', '"cat, dog"'])
def test_several_tags_are_refused(cell: str, folder: Path) -> None:
    with pytest.raises(NotLabelled, match="several labels in a cell"):
        read(table(folder, f"a/1.png,cat\na/2.png,dog\na/3.png,{cell}\n"))


def test_a_picture_in_two_rows(folder: Path) -> None:
    rows = "a/1.png,cat\na/1.png,dog\na/2.png,dog\na/2.png,dog\n"
    labelled = read(table(folder, rows))
    assert labelled.counts == {"cat": 1, "dog": 2}
    assert "In two classes at once, by two rows: 1.png." in labelled.notes
    assert "1 row repeated." in labelled.notes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a table"),
        ("just a line\nand another\n", "is not a table"),
        ("x.png,cat\ny.png,dog\n", "names no file that is there"),
        ("a/1.png,2,3\na/2.png,2,3\n", "3 columns .no names.. Name the one with the labels"),
        ("file,x,y1\na/1.png,2,3\n", "3 columns .file, x, y1.. Name the one with the labels"),
        ("a/1.png,cat\na/2.png,caf\xe9".encode("latin-1"), "line 2, is not UTF-8"),
        ("a/1.png,cat\na/2.png,cat\n", "has pictures of 1 class, cat"),
        ("a/1.png,cat\na/2.png," + "x" * 101, "at most 100"),
        ("a/1.png,cat\na/2.png," + "x" * 200_000, "can't be read"),
        ("a/1.png,cat\na/2.png,a\0b", "can't be"),
        ("a/1.png,cat\n" + "y" * 5000 + ",dog\n", "has pictures of 1 class"),
    ],
)
def test_what_is_no_table(text: str | bytes, sentence: str, folder: Path) -> None:
    with pytest.raises(NotLabelled, match=sentence):
        read(table(folder, text))


def test_a_workbook_is_not_read(folder: Path) -> None:
    with pytest.raises(NotLabelled, match="Save the table as CSV"):
        read(table(folder, b"PK\3\4", "labels.xlsx"))


def test_the_labelled_pictures_beside_the_checkout(labelled: list[tuple[Path, int]]) -> None:
    found = read(SHARED / "images" / "labels.tsv")
    assert found.column == "class_id"
    assert {(one.path, int(one.label)) for one in found.pictures} == set(labelled)
    assert found.classes == sorted(found.classes, key=int)
