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

from handler import model as handler
from handler.engines.engine import Floats
from handler.errors import ClientError, InternalError
from handler.explanation import class_activation_maps
from handler.logs import log_failure
from handler.preprocessing import Preprocessed
from handler.resizing import Pixels
from handler.team import Team
from scripts.evaluating.pictures import Skipped

BATCH = 8  # pictures, as in the service
LARGEST_FILE = 500_000_000  # bytes


class BadArchive(Exception):
    """It can't be run; `str(error)` says why."""


class Answers(NamedTuple):
    """To those M of N pictures that could be read."""

    read: list[int]  # their places among the N, ascending
    digests: list[str]  # sha256 of the files
    probabilities: Floats  # [M, classes]
    embeddings: Floats  # [M, C]: 512 or 2,048
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
            if isinstance(error, zipfile.BadZipFile | EOFError | KeyError | ValueError):
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

    def classify(self, paths: Sequence[Path], progress: str = "classify") -> Answers:
        """progress: the words beside its bar, which is on a terminal alone."""
        answers = Answers([], [], *self._empty(), [])
        probabilities, embeddings = [answers.probabilities], [answers.embeddings]
        with tqdm(total=len(paths), desc=progress, unit="picture", disable=None) as bar:
            for start in range(0, len(paths), BATCH):
                batch = paths[start : start + BATCH]
                pixels = list[Pixels]()
                for i, found in enumerate(self._team.map(self._read, batch), start):
                    if isinstance(found, Skipped):
                        answers.unreadable.append(found)
                        continue
                    answers.read.append(i)
                    answers.digests.append(found[0])
                    pixels.append(found[1].pixels)
                if pixels:
                    outputs = self._infer(pixels)
                    probabilities.append(outputs[0])
                    embeddings.append(outputs[1])
                bar.update(len(batch))
        return answers._replace(
            probabilities=np.concatenate(probabilities), embeddings=np.concatenate(embeddings)
        )

    def look(self, path: Path, class_id: int) -> tuple[Pixels, Floats]:
        """What the network sees of a picture, uint8 [crop, crop, 3], and where the evidence for the
        class lies: float32 [h, w] in 0..1. Raises ClientError, OSError."""
        pixels = self._model.preprocess(path.read_bytes()).pixels
        _, feature_maps = self._model.engine.infer(pixels[None])
        weights = self._model.classifier[class_id : class_id + 1]
        return pixels, class_activation_maps(feature_maps[0], weights)[0]

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

    def _infer(self, pixels: list[Pixels]) -> tuple[Floats, Floats]:
        """Probabilities and embeddings, copied: an engine may use the memory again."""
        probabilities, feature_maps = self._model.engine.infer(np.stack(pixels))
        return probabilities.copy(), feature_maps.mean((2, 3))

    def _empty(self) -> tuple[Floats, Floats]:
        classes, channels = self._model.classifier.shape
        return np.empty((0, classes), np.float32), np.empty((0, channels), np.float32)


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
