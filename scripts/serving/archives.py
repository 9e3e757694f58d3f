"""Which models a service has, and what an archive says of itself: which model and version it is."""

import json
import lzma
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving.settings import Settings
from scripts.serving.variables import NAME

MANIFEST = "MAR-INF/MANIFEST.json"
MODEL_STORE = ROOT / "model_store"
# What reading a damaged zip raises, or one of a kind that Python does not read, beside OSError.
UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)


class Model(NamedTuple):
    name: str  # under which it is served: /predictions/NAME
    version: str


class Served(NamedTuple):
    archives: dict[str, Path]  # by the name of the model; the first is asked where none is named
    warnings: list[str]  # why others are left out


def served(settings: Settings) -> Served:
    """The models of a service: that of ARCHIVE, then what was taught; or those that MODELS names,
    each that of ARCHIVE or in the file NAME.mar beside it.

    Raises ServiceError where there is no archive of one that is wanted.
    """
    found: dict[str, Path] = {}
    broken: dict[str, ServiceError] = {}  # by the name that the file has
    lack = None
    try:
        found[model_of(settings.archive).name] = settings.archive
    except ServiceError as error:
        lack = error
    folder = settings.archive.parent
    if settings.models or folder == MODEL_STORE:
        for path in sorted(set(folder.glob("*.mar")) - {settings.archive}):
            try:
                name = model_of(path).name
            except ServiceError as error:
                broken[path.stem] = error
            else:
                if name == path.stem:  # ImageNet's have their precision in the file's name
                    found.setdefault(name, path)
    if settings.models is None:
        if lack:
            raise lack
        return Served(found, [f"{error}. The others are served" for error in broken.values()])
    names = settings.models.split(",")
    return Served({name: _wanted(name, found, broken, lack) for name in names}, [])


def _wanted(
    name: str,
    found: dict[str, Path],
    broken: dict[str, ServiceError],
    lack: ServiceError | None,
) -> Path:
    """The archive of a model that MODELS names. Raises ServiceError.

    lack: why there is none at ARCHIVE.
    """
    if name in found:
        return found[name]
    if name in broken:
        raise broken[name]
    if lack and not found:
        raise lack
    besides = f". {lack}" if lack else ""
    raise ServiceError(
        "no_archive",
        f"There is no archive of the model {name}, which MODELS names. "
        f"There are: {', '.join(sorted(found))}{besides}",
    )


def model_of(archive: Path) -> Model:
    """Raises ServiceError where there is no archive at that path."""
    try:
        with zipfile.ZipFile(archive) as contents:
            described = json.loads(contents.read(MANIFEST))["model"]
        model = Model(str(described["modelName"]), str(described["modelVersion"]))
    except FileNotFoundError:
        raise ServiceError(
            "no_archive", f"There is no archive {archive}. Build it: make archive"
        ) from None
    except (OSError, *UNREADABLE, KeyError, TypeError):
        raise ServiceError(
            "no_archive",
            f"{archive} is not a TorchServe archive. Build one: make archive",
        ) from None
    # Both become parts of addresses and of file names.
    if not all(re.fullmatch(NAME, word) for word in model):
        raise ServiceError(
            "no_archive",
            f"{archive} holds model {model.name!r}, version {model.version!r}. Both must be up "
            "to 50 ASCII letters, digits and ._-, the first a letter or digit: build it with "
            "such names",
        )
    return model
