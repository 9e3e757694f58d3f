"""Which models a service has: what lies where, and what MODELS names."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from client.errors import ServiceError
from scripts.serving import archives
from scripts.serving.archives import served
from scripts.serving.settings import Settings


def mar(path: Path, name: str, version: str = "1.0") -> Path:
    """An archive that says this of itself, and has nothing else in it."""
    with zipfile.ZipFile(path, "w") as contents:
        model = {"modelName": name, "modelVersion": version}
        contents.writestr(archives.MANIFEST, json.dumps({"model": model}))
    return path


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With ImageNet's in two precisions, and two models that were taught."""
    monkeypatch.setattr(archives, "MODEL_STORE", tmp_path)
    for precision in ("fp32", "int8"):
        mar(tmp_path / f"resnet18-{precision}.mar", "resnet18")
    for name in ("flowers", "ants_bees"):
        mar(tmp_path / f"{name}.mar", name)
    mar(tmp_path / "another's.mar", "flowers")  # its name is not its model's
    mar(tmp_path / "resnet18.mar", "resnet18")  # the main one's name
    return tmp_path


def names(store: Path, models: str | None = None, file: str = "resnet18-int8.mar") -> list[str]:
    found = served(Settings(archive=store / file, models=models)).archives
    assert not [path for path in found.values() if path.parent != store]
    return list(found)


def test_the_main_one_and_all_that_were_taught(store: Path) -> None:
    assert names(store) == ["resnet18", "ants_bees", "flowers"]
    found = served(Settings(archive=store / "resnet18-int8.mar")).archives
    assert found["resnet18"] == store / "resnet18-int8.mar"
    assert found["flowers"] == store / "flowers.mar"
    assert names(store, file="flowers.mar") == ["flowers", "ants_bees", "resnet18"]


def test_named_ones_in_their_order(store: Path) -> None:
    assert names(store, "flowers,resnet18") == ["flowers", "resnet18"]
    assert names(store, "resnet18") == ["resnet18"]


def test_the_main_one_need_not_be_there_where_others_are_named(store: Path) -> None:
    (store / "resnet18-int8.mar").unlink()
    assert names(store, "flowers,ants_bees") == ["flowers", "ants_bees"]
    with pytest.raises(ServiceError, match=r"resnet18-int8.mar. Build it: make archive"):
        names(store)


def test_a_name_without_an_archive(store: Path) -> None:
    with pytest.raises(ServiceError) as failure:
        names(store, "resnet18,bees")
    assert str(failure.value) == (
        "There is no archive of the model bees, which MODELS names. "
        "There are: ants_bees, flowers, resnet18"
    )


def compressed_badly() -> bytes:
    """An archive whose manifest can't be unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as contents:
        contents.writestr(archives.MANIFEST, "{}" * 100)
    data = bytearray(file.getvalue())
    data[30 + len(archives.MANIFEST)] = 0xFF
    return bytes(data)


@pytest.mark.parametrize("content", [b"PK half a file", compressed_badly()], ids=["half", "bad"])
def test_what_is_no_archive_is_told_and_left_out(store: Path, content: bytes) -> None:
    (store / "ants_bees.mar").write_bytes(content)
    found, warnings = served(Settings(archive=store / "resnet18-int8.mar"))
    assert list(found) == ["resnet18", "flowers"]
    [warning] = warnings
    assert "ants_bees.mar is not a TorchServe archive" in warning
    assert warning.endswith("The others are served")
    assert names(store, "flowers") == ["flowers"]
    with pytest.raises(ServiceError, match=r"ants_bees.mar is not a TorchServe archive"):
        names(store, "flowers,ants_bees")


def test_an_archive_elsewhere_is_alone_unless_others_are_named(store: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mar(elsewhere / "x.mar", "x")
    mar(elsewhere / "y.mar", "y")
    assert list(served(Settings(archive=elsewhere / "x.mar")).archives) == ["x"]
    assert list(served(Settings(archive=elsewhere / "x.mar", models="y,x")).archives) == ["y", "x"]
    with pytest.raises(ServiceError, match=r"no archive of the model flowers.* There are: x, y"):
        served(Settings(archive=elsewhere / "x.mar", models="x,flowers"))
    for name in "xy":
        (elsewhere / f"{name}.mar").unlink()
    with pytest.raises(ServiceError, match=r"There is no archive .*x.mar. Build it"):
        served(Settings(archive=elsewhere / "x.mar", models="x"))


@pytest.mark.parametrize("text", ["", "a b", "a,,b", "a,../b", "-a", "a" * 51])
def test_names_are_refused_that_no_model_has(text: str) -> None:
    with pytest.raises(Exception, match="MODELS"):
        Settings.of({"MODELS": text})


def test_names_are_read() -> None:
    assert Settings.of({"MODELS": "b, a.1,b"}).models == "b,a.1"
