"""What /models says is what the archives say."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from client.models import models_of
from handler.labels import IMAGENET, read_labels
from scripts import SAMPLES
from scripts.serving.described import Served, describe, sample
from tests.archives import TWO_KINDS, rebuilt


def test_a_model_of_imagenet(archive: Path, tmp_path: Path) -> None:
    newer = rebuilt(archive, tmp_path / "newer.mar", "2.0")
    (model,) = describe([Served([newer, archive], True)])
    classes = model.pop("classes")  # type: ignore[misc]
    assert model == {
        "name": "resnet18",
        "version": "2.0",
        "versions": ["2.0", "1.0"],
        "ready": True,
        "precision": "fp32",
        "architecture": "torchvision.models.resnet18",
        "class_count": 1000,
        "evaluation": None,
        "none_of_these": None,
        "samples": [],
    }
    assert [one["class_id"] for one in classes] == list(range(1000))
    named = [(one["class"], one["class_zh"], one["wnid"]) for one in classes]
    assert named == read_labels(IMAGENET)


def test_a_model_that_was_taught(archive: Path, two_kinds: Path) -> None:
    imagenet, taught = describe([Served([archive], True), Served([two_kinds], False)])
    assert (imagenet["name"], taught["name"], taught["ready"]) == ("resnet18", TWO_KINDS, False)
    card = json.loads(zipfile.ZipFile(two_kinds).read("model_card.json"))
    assert taught["classes"] == [
        {"class": "cat", "class_zh": "猫", "class_id": 0, "wnid": None},
        {"class": "coffee", "class_zh": None, "class_id": 1, "wnid": None},
    ]
    assert taught["evaluation"] == card["evaluation"]
    assert taught["none_of_these"] == card["none_of_these"]
    folder = f"/models/{TWO_KINDS}/samples"
    assert taught["samples"] == [
        {"file": f"{folder}/{known['class_id']}.jpg", **known} for known in taught["classes"]
    ]
    brief = describe([Served([archive], True), Served([two_kinds], True)], 1)
    assert [len(model["classes"]) for model in brief] == [1, 1]
    assert [model["class_count"] for model in brief] == [1000, 2]
    assert brief[1]["samples"] == taught["samples"]
    assert models_of({"models": [imagenet, taught]}) == [imagenet, taught]


def test_samples_are_those_that_the_card_lists(archive: Path, two_kinds: Path) -> None:
    served = [Served([archive], True), Served([two_kinds], True)]
    assert sample(served, TWO_KINDS, "1.jpg") == (SAMPLES / "coffee.jpg").read_bytes()
    for name, file in [
        (TWO_KINDS, "unlisted.jpg"),
        (TWO_KINDS, "../model_card.json"),
        ("resnet18", "0.jpg"),
        ("nothing", "0.jpg"),
    ]:
        assert sample(served, name, file) is None


@pytest.mark.parametrize(
    ("listed", "class_id"),
    [*((name, 0) for name in ("no.jpg", "a/b.jpg", "../labels.tsv", "é.jpg", "")), ("0.jpg", 2)],
)
def test_samples_that_can_not_be_asked_for_are_not_listed(
    two_kinds: Path, tmp_path: Path, listed: str, class_id: int
) -> None:
    card = json.loads(zipfile.ZipFile(two_kinds).read("model_card.json"))
    card["samples"] = [{"file": listed, "class_id": class_id}]
    other = rebuilt(two_kinds, tmp_path / "x.mar", "1.0", model_card_json=json.dumps(card).encode())
    (model,) = describe([Served([other], True)])
    assert model["samples"] == []


@pytest.mark.parametrize("card", [[], "a card", {"samples": [{}]}, {"samples": 1}], ids=str)
def test_a_card_of_another_kind_hides_no_other_model(
    archive: Path, tmp_path: Path, card: object
) -> None:
    strange = rebuilt(archive, tmp_path / "x.mar", "9", model_card_json=json.dumps(card).encode())
    (model,) = describe([Served([strange], True), Served([archive], True)])
    assert model["version"] == "1.0"


def test_another_file_in_its_place_is_read(archive: Path, two_kinds: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.mar"
    for source in (archive, two_kinds):
        copy = rebuilt(source, tmp_path / "copy", "1.0")
        os.utime(copy, ns=(0, 0))  # a restored backup may be as old
        copy.replace(path)
        (model,) = describe([Served([path], True)])
        assert len(model["classes"]) == (1000 if source == archive else 2)


def test_one_that_can_not_be_read_hides_no_other(archive: Path, tmp_path: Path) -> None:
    broken, missing, strange = (tmp_path / name for name in ("broken", "missing", "strange"))
    broken.write_bytes(archive.read_bytes()[:-100])
    with zipfile.ZipFile(strange, "w") as contents:  # a stranger's, which TorchServe serves as well
        manifest = {"model": {"modelName": "strange", "modelVersion": "1"}}
        contents.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
    served = [Served([path, missing], True) for path in (broken, missing, strange, archive)]
    other, model = describe(served)
    assert (model["name"], model["versions"]) == ("resnet18", ["1.0"])
    assert (other["name"], other["classes"], other["architecture"]) == ("strange", [], None)
    assert sample(served, "strange", "0.jpg") is None
