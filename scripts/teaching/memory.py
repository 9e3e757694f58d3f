"""What the network says of pictures, kept beside the model: taught again, they need no look."""

import hashlib
import json
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handler.engines.engine import Floats
from scripts.evaluating.model import Model
from scripts.evaluating.pictures import Skipped

GUESS = 0.05  # seconds a picture, before one was looked at
MANY = 50  # pictures, which take more than a moment


class Description(NamedTuple):
    features: Floats  # [C]
    own: Floats  # [classes of the network]


class Seen(NamedTuple):
    """Those M of N pictures that could be read."""

    read: list[int]  # their places among the N, ascending
    digests: list[str]  # sha256 of the files
    features: Floats  # [M, C]
    own: Floats  # [M, classes of the network]
    unreadable: list[Skipped]


class Memory:
    """Of one network; what was kept for another is forgotten."""

    def __init__(self, model: Model, path: Path) -> None:
        self._model, self._path = model, path
        # With what it was calibrated, and how it agreed: int8 networks differ by that.
        self._network = json.dumps(model.card, sort_keys=True)
        self._known: dict[str, Description] = {}
        self._used: dict[str, None] = {}
        self.seconds_a_picture = GUESS
        try:
            with np.load(path) as kept:
                if str(kept["network"]) == self._network:
                    rows = map(Description, kept["features"], kept["own"])
                    self._known = dict(zip(kept["keys"].tolist(), rows, strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # none, or cut off
            pass

    def look(self, paths: Sequence[Path], words: str, mirrored: bool = False) -> Seen:
        """Files are told by their content. words: beside the progress bar."""
        kind = "mirrored " * mirrored
        digests = [_digest(path) for path in paths]
        new = [i for i, digest in enumerate(digests) if f"{kind}{digest}" not in self._known]
        unreadable = list[Skipped]()
        readable = set(range(len(paths))) - set(new)
        if new:
            if len(new) > MANY and not sys.stderr.isatty():  # where there is no progress bar
                print(f"{words}: {len(new):,}", flush=True)
            began = time.monotonic()
            answers = self._model.classify([paths[i] for i in new], words, mirrored)
            self.seconds_a_picture = (time.monotonic() - began) / len(new)
            unreadable = answers.unreadable
            for place, digest, *row in zip(
                answers.read, answers.digests, answers.embeddings, answers.own, strict=True
            ):
                digests[new[place]] = digest
                self._known[f"{kind}{digest}"] = Description(*row)
                readable.add(new[place])
        read = sorted(readable)
        found = [str(digests[i]) for i in read]
        rows = [self._known[f"{kind}{digest}"] for digest in found]
        self._used |= dict.fromkeys(f"{kind}{digest}" for digest in found)
        features, own = self._stacked(rows)
        return Seen(read, found, features, own, unreadable)

    def _stacked(self, rows: Sequence[Description]) -> tuple[Floats, Floats]:
        if not rows:
            nothing = self._model.classify([])
            return nothing.embeddings, nothing.own
        return np.stack([row.features for row in rows]), np.stack([row.own for row in rows])

    def keep(self) -> None:
        """Write down what was asked for, and forget the rest."""
        partial = self._path.with_suffix(".partial")
        features, own = self._stacked([self._known[key] for key in self._used])
        try:
            with partial.open("wb") as file:
                keys, network = np.array(list(self._used)), np.array(self._network)
                np.savez(file, network=network, keys=keys, features=features, own=own)
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)


def _digest(path: Path) -> str | None:
    """None where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
