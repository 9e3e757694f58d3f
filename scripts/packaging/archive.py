"""TorchServe's archive of the handler and an exported network: the same inputs, the same bytes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from handler.model_card import FILE
from scripts import ROOT

HANDLER = ROOT / "handler"
MODULE = HANDLER / "resnet18_handler.py"  # the one that TorchServe loads
CONFIGURATION = HANDLER / "model-config.yaml"

# Disk space while it is built, in sizes of the weights: among the temporary files, for the archive.
TEMPORARY, ARCHIVE = 5, 2


def check_not_taught(output: Path) -> None:
    """Raises ValueError where a built archive would take the place of a taught model's."""
    if not zipfile.is_zipfile(output):
        return
    with zipfile.ZipFile(output) as archive:
        card = json.loads(archive.read(FILE)) if FILE in archive.namelist() else {}
    if "evaluation" in card:
        raise ValueError(
            f"{output} is a model that was taught, and stays: give this one another NAME, or "
            "remove that one first"
        )


def check_room(size: int, folder: Path) -> None:
    """size: of the weights, in bytes. folder: the archive's.

    Raises ValueError: on a full disk torch itself would abort.
    """
    while not folder.exists():
        folder = folder.parent
    for place, needed in (
        (tempfile.gettempdir(), TEMPORARY * size),
        (folder, ARCHIVE * size),
    ):
        if shutil.disk_usage(place).free < needed:
            raise ValueError(
                f"building it needs {needed / 1e6:.0f} MB of disk space in {place}, and there is "
                "less. Make room; TMPDIR names another folder for temporary files"
            )


def pack(contents: Path, name: str, version: str, output: Path) -> None:
    """Put the handler and the files in `contents` into an archive, all of it or nothing."""
    with tempfile.TemporaryDirectory(prefix="archive-") as scratch:
        archive = _run_archiver(contents, name, version, Path(scratch))
        output.parent.mkdir(parents=True, exist_ok=True)
        _rewrite(archive, output)


def _run_archiver(contents: Path, name: str, version: str, scratch: Path) -> Path:
    """torch-model-archiver over the handler and the exported files; its archive's path."""
    # It flattens a folder that it is given: this one's only child is handler/, which stays a
    # package.
    package = scratch / "package"
    for source in sorted(HANDLER.rglob("*.py")):
        if source != MODULE:
            target = package / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    # It stages in TMPDIR/<model name> and deletes what is there.
    staging = scratch / "staging"
    staging.mkdir()
    command = [
        # Its first line may name a Python that this checkout had somewhere else.
        *(sys.executable, str(Path(sys.executable).with_name("torch-model-archiver"))),
        *("--model-name", name),
        *("--version", version),
        *("--handler", str(MODULE)),
        *("--config-file", str(CONFIGURATION)),
        *("--extra-files", f"{contents},{package}"),
        *("--export-path", str(scratch)),
    ]
    if subprocess.run(command, env={**os.environ, "TMPDIR": str(staging)}).returncode:
        raise ValueError("torch-model-archiver could not pack it; it says why above")
    return scratch / f"{name}.mar"


def _rewrite(archive: Path, output: Path) -> None:
    """Copy an archive without traces of the clock and the file system's order, in one step."""
    partial = output.with_suffix(".partial")
    try:
        with zipfile.ZipFile(archive) as source, zipfile.ZipFile(partial, "w") as target:
            for name in sorted(source.namelist()):
                data = source.read(name)
                if name == "MAR-INF/MANIFEST.json":
                    manifest = json.loads(data)
                    manifest["createdOn"] = "01/01/1980 00:00:00"  # the zip format's own epoch
                    data = json.dumps(manifest, indent=2, sort_keys=True).encode()
                # Weights do not compress: stored, the archive unpacks faster at every start.
                target.writestr(zipfile.ZipInfo(name), data)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)  # a full disk, say
