"""Where the network's weights come from."""

import hashlib
import re
from pathlib import Path

import torch

from scripts.packaging.reference import WEIGHTS

# torchvision's naming rule: the name ends in the first eight digits of the file's sha256.
_HASH = re.compile(r"-([0-9a-f]{8})\.pth$")


class WeightsError(Exception):
    """No usable weights; `str(error)` names what was tried and what solves it."""


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve(named: Path | None) -> Path:
    """The weights to use: the named file, else torchvision's cache, else torchvision's download."""
    if named:
        if not named.is_file():
            raise WeightsError(f"WEIGHTS={named}: there is no such file")
        return _checked(named)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS.url.rpartition("/")[2]
    if cached.is_file():
        return _checked(cached, "from torchvision's cache; ")
    print(f"weights: downloading {WEIGHTS} to {cached}", flush=True)
    try:
        WEIGHTS.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            "No weights found. Looked for\n"
            "  WEIGHTS=        (not set)\n"
            f"  {cached}  (not there)\n"
            f"  {WEIGHTS.url}  ({error})\n"
            "Either of these solves it:\n"
            "  export WEIGHTS=path/to/resnet18-weights.pth   # for make serve, start and archive\n"
            f"  curl --create-dirs -o {cached} {WEIGHTS.url}   # if there is a network"
        ) from error
    return _checked(cached, "downloaded by torchvision; ")


def _checked(path: Path, origin: str = "") -> Path:
    promised = _HASH.search(path.name)
    if promised and not (actual := sha256(path)).startswith(promised[1]):
        raise WeightsError(
            f"{path}: its name promises a sha256 that begins with {promised[1]}, but the file's "
            f"begins with {actual[:8]}. It is damaged or not what its name says: delete it and "
            "download it again"
        )
    note = "its hash is right" if promised else "its name has no hash to check it against"
    print(f"weights: {path} ({origin}{note})", flush=True)
    return path
