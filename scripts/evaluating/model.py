"""An archive's model, run in this process by the handler's own code: what it says is what the
service would say."""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from tqdm import tqdm

from client.pictures import LARGEST_FILE
from handler import model as handler
from handler.engines.engine import Floats
from handler.errors import ClientError, InternalError
from handler.logs import log_failure
from handler.model import Output, embeddings
from handler.preprocessing import Preprocessed
from handler.resizing import Pixels
from handler.team import Team
from scripts.evaluating.pictures import Skipped
from scripts.serving.archives import UNREADABLE

BATCH = 8  # pictures, as in the service


class BadArchive(Exception):
    """It can't be run; `str(error)` says why."""


class Answers(NamedTuple):
    """To those M of N pictures that could be read."""

    read: list[int]  # their places among the N, ascending
    digests: list[str]  # sha256 of the files
    probabilities: Floats  # [M, classes]
    embeddings: Floats  # [M, C]: 512 or 2,048
    own: Floats  # [M, …]: probabilities of the network's own classes
    none_of_these: Floats | None  # [M] in 0..1, where the model can tell
    unreadable: list[Skipped]


class Model:
    """It is unpacked for as long as the block lasts: `with Model(archive) as model`."""

    def __init__(self, archive: Path, threads: int | None = None) -> None:
        """threads: None: as many as the cores that may be used. Raises BadArchive, OSError."""
        self._directory = tempfile.TemporaryDirectory(prefix="model-")
        threads = threads or len(os.sched_getaffinity(0))
        try:
            _unpack(archive, Path(self._directory.name))
            self._model = handler.Model(Path(self._directory.name), threads)
        except BaseException as error:
            self._directory.cleanup()
            if isinstance(error, (*UNREADABLE, KeyError)):
                raise BadArchive(f"{archive} holds no model that runs here: {error}") from error
            if isinstance(error, FileNotFoundError) and archive.exists():
                raise BadArchive(f"{archive} lacks {Path(error.filename).name}") from error
            raise
        self.card = self._model.card
        self.labels = self._model.labels
        self._team = Team(threads, "decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._team.shutdown()
        self._directory.cleanup()

    def classify(
        self, paths: Sequence[Path], progress: str = "classify", mirrored: bool = False
    ) -> Answers:
        """progress: the words beside its bar, which is on a terminal alone."""
        read, digests, unreadable = list[int](), list[str](), list[Skipped]()
        rows: list[tuple[Floats, Floats, Floats, float | None]] = []
        with tqdm(total=len(paths), desc=progress, unit="picture", disable=None) as bar:
            for start in range(0, len(paths), BATCH):
                batch = paths[start : start + BATCH]
                pixels = list[Pixels]()
                for i, found in enumerate(self._team.map(self._read, batch), start):
                    if isinstance(found, Skipped):
                        unreadable.append(found)
                        continue
                    read.append(i)
                    digests.append(found[0])
                    pixels.append(found[1].pixels[:, ::-1] if mirrored else found[1].pixels)
                if pixels:
                    rows += map(_row, self._model.infer(np.stack(pixels)))
                bar.update(len(batch))
        if not rows:  # of the right shapes
            crop = self._model.preprocess.preset.crop
            rows = list(map(_row, self._model.infer(np.zeros((1, crop, crop, 3), np.uint8))))
        probabilities, embeddings, own, unlike = zip(*rows, strict=True)
        count = len(read)
        return Answers(
            read,
            digests,
            np.stack(probabilities)[:count],
            np.stack(embeddings)[:count],
            np.stack(own)[:count],
            None if None in unlike else np.array(unlike, np.float32)[:count],
            unreadable,
        )

    def look(self, path: Path, class_id: int) -> tuple[Pixels, Floats]:
        """What the network sees of a picture, uint8 [crop, crop, 3], and where the evidence for the
        class lies: float32 [h, w] in 0..1. Raises ClientError, OSError."""
        pixels = self._model.preprocess(path.read_bytes()).pixels
        [output] = self._model.infer(pixels[None])
        return pixels, self._model.activation_maps([class_id], output)[0]

    def _read(self, path: Path) -> tuple[str, Preprocessed] | Skipped:
        """The digest of a file, and what the network sees of it."""
        try:
            if path.stat().st_size > LARGEST_FILE:
                return Skipped(path, f"has over {LARGEST_FILE / 1e6:.0f} MB")
            data = path.read_bytes()
            return hashlib.sha256(data).hexdigest(), self._model.preprocess(data)
        except ClientError as error:
            return Skipped(path, f"can't be read. {error}")
        except OSError as error:
            return Skipped(path, f"can't be read: {error.strerror}")
        except MemoryError:
            raise
        except Exception:  # as in the service: it stays with this picture
            log_failure(f"Preparing {path} failed")
            return Skipped(path, f"can't be read. {InternalError()}")


def _row(output: Output) -> tuple[Floats, Floats, Floats, float | None]:
    """Copied: an engine may use the memory again."""
    embedding = embeddings(output.feature_maps[None])[0]
    return output.probabilities.copy(), embedding, output.own.copy(), output.none_of_these


def _unpack(archive: Path, into: Path) -> None:
    """All but the handler, which is this checkout's."""
    with zipfile.ZipFile(archive) as contents:
        for name in contents.namelist():
            if name.endswith(".py"):
                continue
            try:
                contents.extract(name, into)
            except OSError as error:
                raise BadArchive(
                    f"{archive} can't be unpacked into {into}: {error.strerror}. TMPDIR names "
                    "another folder for temporary files"
                ) from error
