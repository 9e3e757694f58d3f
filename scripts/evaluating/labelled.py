"""Pictures whose class is known: class folders, a table, or a zip of class folders."""

from pathlib import Path

from scripts.evaluating.class_folders import read_folder
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.pictures import Labelled, NotLabelled, Picture, Skipped
from scripts.evaluating.table import read_table
from scripts.evaluating.unpacking import unpack

__all__ = ["Labelled", "NotLabelled", "Picture", "Skipped", "read"]

TABLES = (".csv", ".tsv", ".txt")


def read(path: Path, least_classes: int = 2, scratch: Path | None = None) -> Labelled:
    """Of a folder, a CSV or a zip; always in the same order. Nothing in it is written to.

    least_classes: that must have a picture. scratch: an empty folder of the caller's, into which a
    zip is unpacked, and where its pictures are from then on. Raises NotLabelled, with a sentence.
    """
    labelled = _read(path, scratch)
    taught = [name for name, count in labelled.counts.items() if count]
    if not taught:
        left_out = [f"{one.path.name} {one.reason}" for one in labelled.skipped]
        found = f" ({listed(left_out, 3)})" if left_out else ""
        raise NotLabelled(f"{path} has no pictures{found}")
    if len(taught) < least_classes:
        raise NotLabelled(
            f"{path} has pictures of {counted(len(taught), 'class', 'classes')}, "
            f"{listed(taught)}; at least {least_classes} are needed. Each folder directly in it is "
            "a class: name the folder that holds the class folders"
        )
    return labelled


def _read(path: Path, scratch: Path | None) -> Labelled:
    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            return read_folder(path)
        if not path.exists():
            raise NotLabelled(f"{path}: there is no such folder, CSV or zip")
        if suffix in TABLES:
            return read_table(path)
        if suffix == ".zip" and scratch:
            return read_folder(unpack(path, scratch))
    except OSError as error:
        raise NotLabelled(
            f"{error.filename or path} can't be read: {error.strerror or error}"
        ) from error
    hint = "Save the table as CSV (UTF-8)" if suffix in (".xls", ".xlsx", ".ods") else "Unpack it"
    raise NotLabelled(
        f"{path} is neither a folder nor a CSV{' nor a zip' * bool(scratch)}. {hint}, and name that"
    )
