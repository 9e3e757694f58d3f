"""The variables of make: `check` refuses what it does not know or can't use, `help` lists them.

Standard library alone: it runs before anything is installed.
"""

import difflib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.evaluating.options import Search
from scripts.packaging.recipe import Recipe
from scripts.serving import variables as v
from scripts.serving.settings import Settings
from scripts.serving.variables import BadSetting, Variable, variable
from scripts.teaching.lesson import Lesson


@dataclass(frozen=True)
class Work:
    """What is a setting neither of the service nor of an archive."""

    minutes: int = variable(
        v.whole(1, 100_000, "the number of minutes"),
        "length of the soak test; time that make teach has (5)",
        default=30,
    )
    full: bool = variable(v.switch, "1: make bench measures with more connections", default=False)
    args: str | None = variable(str, "further arguments of make trace, evaluate and duplicates")
    data: Path | None = variable(
        Path,
        "labelled pictures: a folder for each class, a CSV, or a zip of such folders; for make "
        "duplicates any folder",
    )
    labelled: Path | None = variable(
        Path, "the same for make rollout: the new version must not be worse on them"
    )
    require: str | None = variable(
        str, "... and has to reach accuracy=0.9, for instance, or better"
    )
    run_directory: Path | None = variable(
        Path, "where the service keeps its files, for every command", words=".run"
    )
    torch_index: str | None = variable(
        v.matching(r"https?://\S+|file://\S+|/\S+", "this is not the address of a package index"),
        "package index for torch and torchvision only",
        words="PyTorch's own of CPU builds, else pip's",
    )
    python: str | None = variable(
        str,
        "Python 3.11 to 3.14, for the setup",
        words="python3, else one that is named by its version",
    )


LONG = 7  # letters; shorter names are often others'
NEARLY = 0.9  # of difflib's ratio: a letter or two

GROUPS: dict[str, type] = {
    "serving": Settings,
    "packaging": Recipe,
    "duplicates": Search,
    "work": Work,
    "teaching": Lesson,
}


def known() -> Iterator[Variable]:
    """Each name once: several commands have the same."""
    found: dict[str, Variable] = {}
    for group in GROUPS.values():
        for one in v.variables(group):
            found.setdefault(one.name, one)
    yield from found.values()


def check_names(names: list[str]) -> None:
    """Raises BadSetting for one that is none of ours."""
    ours = [one.name for one in known()]
    for name in names:
        if name not in ours:
            near = difflib.get_close_matches(name.upper(), ours, 1)
            hint = f" Did you mean {near[0]}?" if near else " make help lists them."
            raise BadSetting(f"There is no variable {name}.{hint}")


def check_environment() -> None:
    """Raises BadSetting for a long name that is nearly one of ours: it was meant to be one."""
    ours = [one.name for one in known()]
    long = [name for name in ours if len(name) >= LONG]
    for name in os.environ:
        if name not in ours and (near := difflib.get_close_matches(name, long, 1, NEARLY)):
            raise BadSetting(f"The environment has {name}. Did you mean {near[0]}?")


def check_python() -> None:
    """Raises BadSetting where PYTHON names another version than the environment was made with."""
    named, here = os.environ.get("PYTHON"), "Python {}.{}".format(*sys.version_info)
    if not named or sys.prefix == sys.base_prefix:
        return
    try:
        found = subprocess.run([named, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise BadSetting(f"PYTHON={named} does not run") from None
    there = found.stdout.strip()
    if not there.startswith(f"{here}."):
        raise BadSetting(
            f".venv was made with {here}, and PYTHON={named} is {there}. To change over: "
            "make clean-all"
        )


def check_values(groups: list[str]) -> None:
    """Of the environment, into which make puts its variables. Raises BadSetting."""
    for group in groups:
        match group:
            case "serving":
                Settings.of(os.environ)
            case "packaging":
                Recipe.of(os.environ)
            case "teaching":
                Lesson.of(os.environ)
            case "archive" if not Path(archive := os.environ["ARCHIVE"]).is_file():
                raise BadSetting(f"ARCHIVE={archive}: there is no such file")
            case "archive":
                pass
            case _:
                v.read(GROUPS[group], os.environ)


def help_text() -> str:
    lines = []
    for one in known():
        default = f" (default: {one.default})" if one.default else ""
        lines.append(f"  {one.name:12} {one.help}{default}")
    return "\n".join(lines)


def main() -> int:
    """check "GROUP …" NAME …, or help."""
    command, *words = sys.argv[1:]
    if command == "help":
        print(help_text())
        return 0
    groups, *names = words
    try:
        check_names(names)
        check_python()
        check_values(groups.split())
        if "serving" in groups.split():
            check_environment()
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
