"""What the command refuses to teach, in one sentence each; the archive stays as it was."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.teaching.course import alone
from tests.archives import rebuilt
from tests.evaluating.folders import write
from tests.teaching.lessons import refused, teach


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--name", "resnet18"), "is taken by the model of ImageNet's classes"),
        (("--name", "two words"), "a model's name is"),
        (("--rename", "dog=cat"), "RENAME: there is no class dog; there are cat, coffee, temple"),
        (("--rename", "cat=a\tb"), "RENAME: 'a\\tb' can't be the name of a class"),
        (("--rename", "cat"), "write old=new"),
        (("--rename", "cat=one,coffee=one,temple=one"), "only 1 class has pictures"),
        (("--labels", "LABELS"), "names dog, but the classes are cat, coffee, temple"),
        (("--labels", "/nothing"), "there is no such file"),
        (("--validation", "/nothing"), "there is no such folder or file"),
        (("--validation", "DATA"), "no picture of these classes that is not taught as well"),
        (("--corrections", "/nothing"), "there is no such folder or file"),
    ],
)
def test_what_it_refuses_in_one_sentence(
    known_store: Path,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: Sequence[str],
    sentence: str,
) -> None:
    """And the archive stays."""
    (tmp_path / "labels.tsv").write_text("dog\t狗\n", "utf-8")
    given = {"DATA": str(pictures), "LABELS": str(tmp_path / "labels.tsv")}
    words = [given.get(word, word) for word in options]
    archive = (known_store / "three.mar").read_bytes()
    status = teach(known_store, "--data", str(pictures), *words)
    assert sentence in refused(capsys, status)
    assert (known_store / "three.mar").read_bytes() == archive


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["only/1.png", "only/2.png"], "has pictures of 1 class, only; at least 2 are needed"),
        (["a/", "b/"], "has no pictures"),
        (["a/1.png", "b/1.png"], "needs at least 2 different pictures that can be read"),
        (["a/1.png", "a/2.png", "b/1.png", "b/2.png"], "needs at least 2 different pictures"),
        (["a/b/c/d/1.png"], "has pictures of 1 class, a; at least 2 are needed"),
        ([f"{'x' * 101}/1.png", "b/1.png"], "has 101 characters. Rename it"),
        (["1.png", "2.png"], "no class folders. Make a folder for each class"),
    ],
)
def test_folders_that_can_not_be_taught(
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: list[str],
    sentence: str,
) -> None:
    data = write(tmp_path / "data", files)
    assert sentence in refused(capsys, teach(store, "--data", str(data)))
    assert not list(store.glob("data*.mar"))


def test_two_runs_at_once(
    known_store: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with alone(known_store / "three"):
        sentence = refused(capsys, teach(known_store, "--data", str(pictures), "--name", "three"))
    assert sentence == "teach: three is being taught already; wait until that has ended"


def test_an_archive_to_start_from_that_is_broken(
    store: Path, archive: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = store / archive.name
    base.unlink()
    assert archive.name in refused(capsys, teach(store, "--data", str(pictures)))
    base.write_bytes(archive.read_bytes()[:100_000])
    assert "holds no model that runs here" in refused(capsys, teach(store, "--data", str(pictures)))
    rebuilt(archive, base, "1.0", classifier_npy=b"")
    assert "holds no model that runs here" in refused(capsys, teach(store, "--data", str(pictures)))
