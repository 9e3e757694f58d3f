"""A folder for each class; or such folders in one for teaching and one for validation."""

from pathlib import Path

from scripts.evaluating.class_names import class_name, natural, told_of
from scripts.evaluating.files import Contents, ancestry, contents, pictures_below
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.pictures import Labelled, NotLabelled, Picture, Skipped

TRAIN = ("train", "training")
VALIDATION = ("val", "valid", "validation", "dev", "test", "testing")  # the first that is there
TABLES = (".csv", ".tsv")


def read_folder(folder: Path) -> Labelled:
    """Raises NotLabelled where there are no class folders."""
    top = contents(folder)
    train, validation = _splits(top.folders)
    if train is None:
        return _read_classes(folder, top)
    labelled = _read_classes(train, contents(train))
    labelled.validation = validation
    beside = f"; {validation.name} is for validation" if validation else ""
    labelled.notes.insert(0, f"{folder} holds splits: {train.name} is read{beside}.")
    labelled.skipped += top.skipped
    labelled.skipped += [
        Skipped(path, "lies beside the splits")
        for path in (*top.folders, *top.pictures)
        if path not in (train, validation)
    ]
    return labelled


def _splits(folders: list[Path]) -> tuple[Path | None, Path | None]:
    """The folders of two splits, where these are splits and not classes of such names.

    A class may well be called train: a split's folder has classes in it, and nothing else is beside
    it, or else its classes are also the other's.
    """
    by_name = {folder.name.lower(): folder for folder in folders}
    train = next((by_name[name] for name in TRAIN if name in by_name), None)
    classes = _folder_names(train) if train else set()
    if not classes:
        return None, None
    others = [by_name[name] for name in VALIDATION if name in by_name]
    validation = next((other for other in others if classes & _folder_names(other)), None)
    is_alone = by_name.keys() <= {*TRAIN, *VALIDATION}
    return (train, validation) if validation or is_alone else (None, None)


def _folder_names(folder: Path) -> set[str]:
    return {inner.name for inner in contents(folder).folders}


def _read_classes(folder: Path, top: Contents) -> Labelled:
    if not top.folders:
        raise NotLabelled(_without_classes(folder, top))
    pictures, skipped, above = list[Picture](), [*top.skipped], ancestry(folder)
    places: dict[str, list[str]] = {}
    for place in top.folders:
        label = class_name(place.name, str(folder))
        found, left_out = pictures_below(place, above)
        skipped += left_out
        if left_out and left_out[0].path == place:  # it leads back, or can't be read
            continue
        places.setdefault(label, []).append(place.name)
        pictures += [Picture(path, label) for path in found]
    order = {label: i for i, label in enumerate(sorted(places, key=natural))}
    pictures.sort(key=lambda picture: order[picture.label])
    labelled = Labelled(list(order), pictures, skipped)
    for label, names in places.items():
        if len(names) > 1:
            labelled.notes.append(
                f"{counted(len(names), 'folder')} are named {label}: they are one class."
            )
    if top.pictures:
        labelled.notes.append(
            f"{listed(path.name for path in top.pictures)} in {folder}: of no class, since not in "
            "a class's folder."
        )
        labelled.skipped += [
            Skipped(path, "lies beside the class folders") for path in top.pictures
        ]
    labelled.notes += told_of(labelled.counts)
    return labelled


def _without_classes(folder: Path, top: Contents) -> str:
    tables = [one.path for one in top.skipped if one.path.suffix.lower() in TABLES]
    if tables:
        return f"{folder} has no class folders. If its table has the labels, give that: {tables[0]}"
    if top.pictures:
        return (
            f"{folder} has {counted(len(top.pictures), 'picture')}, but no class folders. Make a "
            "folder for each class and put its pictures there, or write a CSV with a file and a "
            "label in each line"
        )
    others = [f"{one.path.name} {one.reason}" for one in top.skipped]
    found = f" ({listed(others, 3)})" if others else ""
    return f"{folder} has no pictures{found}. Put each class's pictures into a folder of its name"
