import json
import os
import resource
import zipfile
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.packaging import archive
from scripts.packaging.archive import pack


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    contents = tmp_path / "contents"
    contents.mkdir()
    (contents / "labels.tsv").write_text("cat\ndog\n")
    (contents / "network.bin").write_bytes(os.urandom(1000))
    return contents


def test_the_same_contents_give_the_same_bytes(contents: Path, tmp_path: Path) -> None:
    """Whatever the clock says, and in whatever order the files were written."""
    pack(contents, "mine", "2.0", tmp_path / "a.mar")
    for path in sorted(contents.iterdir(), reverse=True):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        os.utime(path, (0, 1e9))
    pack(contents, "mine", "2.0", tmp_path / "new" / "b.mar")
    assert (tmp_path / "a.mar").read_bytes() == (tmp_path / "new" / "b.mar").read_bytes()
    assert not list(tmp_path.rglob("*.partial"))


def test_what_is_in_it(contents: Path, tmp_path: Path) -> None:
    pack(contents, "mine", "2.0", tmp_path / "a.mar")
    with zipfile.ZipFile(tmp_path / "a.mar") as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
        for name in ("labels.tsv", "network.bin"):
            assert archive.read(name) == (contents / name).read_bytes()
        for name in ("handler/engines/ncnn.py", "handler/decoding.py"):
            assert archive.read(name) == (ROOT / name).read_bytes()
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    # The one module that TorchServe loads lies outside the package.
    assert "resnet18_handler.py" in names
    assert "handler/resnet18_handler.py" not in names
    assert "model-config.yaml" in names
    assert names == sorted(names)
    assert manifest["model"]["modelName"] == "mine"
    assert manifest["model"]["modelVersion"] == "2.0"


def test_a_disk_that_is_full_leaves_the_archive_before(contents: Path, tmp_path: Path) -> None:
    """A file that may not grow fails as on a full disk."""
    output = tmp_path / "a.mar"
    pack(contents, "mine", "1.0", output)
    before = output.read_bytes()
    pack(contents, "mine", "2.0", tmp_path / "other.mar")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            archive._rewrite(tmp_path / "other.mar", output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert output.read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))
