"""What archives say of the models that are served: /models, and the models' sample pictures."""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from client.errors import ServiceError
from client.models import Class, Model
from handler import labels, model_card
from scripts.serving import archives
from scripts.serving.variables import NAME

LABELS = "labels.tsv"  # in an archive, as handler/resnet18_handler.py reads it
SAMPLES = "samples/"  # ... the folder of its pictures
KEPT = 16  # archives whose descriptions are kept; one of 1,000 classes takes half a megabyte


class Served(NamedTuple):
    archives: Sequence[Path]  # of the versions that are loaded, the default one's first
    is_ready: bool


class _Description(NamedTuple):
    model: archives.Model
    card: dict[str, Any]  # a ModelCard; of a stranger's archive empty
    classes: list[Class]
    samples: list[model_card.Sample]  # that are there


def describe(served: Iterable[Served], most: int | None = None) -> list[Model]:
    """Without models whose archive was taken away. most: classes of each that are named."""
    return list(_models(served, most))


def sample(served: Iterable[Served], name: str, file: str) -> bytes | None:
    """A picture of that model's default version; None where its card lists none of that name."""
    for one in served:
        with suppress(ServiceError):
            found = _described(one.archives[0])
            if found.model.name == name and file in [known["file"] for known in found.samples]:
                with zipfile.ZipFile(one.archives[0]) as contents:
                    return contents.read(SAMPLES + file)
    return None


def _models(served: Iterable[Served], most: int | None) -> Iterator[Model]:
    for one in served:
        with suppress(ServiceError):
            found = _described(one.archives[0])
            card = found.card
            folder = f"/models/{found.model.name}/{SAMPLES}"
            yield {
                "name": found.model.name,
                "version": found.model.version,
                "versions": [found.model.version, *_versions(one.archives[1:])],
                "ready": one.is_ready,
                "precision": card.get("precision"),
                "architecture": card.get("architecture"),
                "class_count": len(found.classes),
                "classes": found.classes[:most],
                "evaluation": card.get("evaluation"),
                "none_of_these": card.get("none_of_these"),
                "samples": [
                    {"file": folder + known["file"], **found.classes[known["class_id"]]}
                    for known in found.samples
                ],
            }


def _versions(others: Sequence[Path]) -> Iterator[str]:
    for archive in others:
        with suppress(ServiceError):  # unloaded meanwhile
            yield _described(archive).model.version


def _described(archive: Path) -> _Description:
    """Raises ServiceError where there is no readable archive."""
    try:
        file = archive.stat()
    except OSError:
        raise ServiceError("no_archive", f"There is no archive {archive}") from None
    return _read(archive, file.st_ino, file.st_mtime_ns)


@lru_cache(KEPT)
def _read(archive: Path, inode: int, mtime: int) -> _Description:
    """inode, mtime: with another file at that path it is read again."""
    model = archives.model_of(archive)
    try:
        with zipfile.ZipFile(archive) as contents:
            there = set(contents.namelist())
            card = json.loads(contents.read(model_card.FILE)) if model_card.FILE in there else {}
            table = contents.read(LABELS) if LABELS in there else b""
        named = labels.parse_labels(table, archive)
        samples = [
            known
            for known in card.get("samples", [])
            if SAMPLES + known["file"] in there
            and re.fullmatch(NAME, known["file"])
            and known["class_id"] in range(len(named))
        ]
    except (OSError, *archives.UNREADABLE) as error:
        raise ServiceError("no_archive", f"{archive} can't be described: {error}") from None
    except (AttributeError, KeyError, TypeError):
        raise ServiceError(
            "no_archive", f"{archive} can't be described: {model_card.FILE} is another's"
        ) from None
    classes: list[Class] = [
        {"class": label.name, "class_zh": label.name_zh, "class_id": number, "wnid": label.wnid}
        for number, label in enumerate(named)
    ]
    return _Description(model, card, classes, samples)
