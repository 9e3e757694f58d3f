"""What an archive says of itself: which model it is, and which version."""

import json
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

from client.errors import ServiceError

MANIFEST = "MAR-INF/MANIFEST.json"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}"


class Model(NamedTuple):
    name: str  # under which it is served: /predictions/NAME
    version: str


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
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError):
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
