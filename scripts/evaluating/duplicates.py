"""Find pictures that are in a folder more than once, also at another size, crop or quality.

They are compared by what a network sees in them: the cosine of the features before its classifier.
Nothing is written into the folder. An option that is not given is read from the environment
variable of its name (--threshold: THRESHOLD).
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from scripts import ROOT
from scripts.evaluating.duplicate_groups import Found, Member, find
from scripts.evaluating.html import html, put
from scripts.evaluating.model import BadArchive, Model
from scripts.evaluating.options import Search
from scripts.evaluating.phrases import counted
from scripts.evaluating.thumbnails import thumbnail
from scripts.serving.failures import in_words
from scripts.serving.variables import BadSetting, add_options, read

# So that the page stays light: pictures of a group, and of all.
MOST_MEMBERS, MOST_PICTURES = 12, 1000
SIDE = 112  # pixels of a thumbnail
MOST_TOLD = 10  # files in the terminal that could not be read


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        search(options, Search(**read(Search, os.environ, options)))
    except (BadArchive, BadSetting) as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(in_words(error, ROOT))
    except KeyboardInterrupt:
        print("\nduplicates: stopped; no page was written", file=sys.stderr)
        return 130
    return 0


def search(options: argparse.Namespace, given: Search) -> None:
    """Raises BadArchive, BadSetting, OSError."""
    folder, archive, page = options.data, options.archive, given.output.resolve()
    if folder is None:
        raise BadSetting("Which pictures? make duplicates DATA=folder")
    if not folder.is_dir():
        raise BadSetting(f"DATA={folder}: there is no such folder")
    if page.is_relative_to(folder.resolve()):
        raise BadSetting(
            f"{page} would lie among the pictures, where nothing is written. Name another place: "
            "OUTPUT=/tmp/duplicates.html"
        )
    if page.is_dir() or not page.parent.is_dir():
        raise BadSetting(f"OUTPUT={page}: name a file in a folder that is there")
    if not archive.is_file():
        raise BadSetting(f"There is no archive {archive}. Build it: make archive")
    with Model(archive) as model:
        found = find(model, folder, given.threshold)
        name = model.card["name"]
    if not found.pictures:
        raise BadSetting(f"{folder} has no picture that can be read{_first_of(found)}")
    about = {"folder": str(folder), "network": name, "threshold": given.threshold}
    put(page, render(found, folder, about))
    if options.json:
        print(json.dumps({**about, "page": str(page), **found.as_dict()}))
    else:
        tell(found, page)


def render(found: Found, folder: Path, about: dict[str, object]) -> str:
    """The page: of the groups as many as stay light."""
    shown, room = [], MOST_PICTURES
    for group in found.groups:
        room -= min(MOST_MEMBERS, len(group.members))
        if room < 0:
            break
        shown.append(group)
    pictures = [member for group in shown for member in group.members[:MOST_MEMBERS]]
    thumbnails = {
        member.file: thumbnail(member.file, SIDE)
        for member in tqdm(pictures, "draw the page", unit="picture", disable=None)
    }

    def name(member: Member) -> str:
        return member.file.relative_to(folder).as_posix()

    return html(
        "duplicates.html",
        **about,
        found=found,
        summary=summary(found),
        shown=shown,
        most=MOST_MEMBERS,
        thumbnails=thumbnails,
        name=name,
    )


def summary(found: Found) -> str:
    pictures = counted(found.pictures, "picture")
    if not found.groups:
        return f"{pictures}, no near duplicates."
    return (
        f"{pictures}, {counted(len(found.groups), 'group')} of near duplicates with "
        f"{found.members:,} of them: one of each group kept, {found.members - len(found.groups):,} "
        f"could go, of which {found.copies:,} are exact copies."
    )


def tell(found: Found, page: Path) -> None:
    for one in found.skipped[:MOST_TOLD]:
        print(f"{one.path} {one.reason}", file=sys.stderr)
    if len(found.skipped) > MOST_TOLD:
        more = len(found.skipped) - MOST_TOLD
        print(f"... and {more:,} more; the page names them", file=sys.stderr)
    print(summary(found))
    print(f"page: {page}")


def _first_of(found: Found) -> str:
    return f": {found.skipped[0].path} {found.skipped[0].reason}" if found.skipped else ""


def _refused(sentence: str) -> int:
    print(f"duplicates: {sentence}", file=sys.stderr)
    return 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("DATA") or None, help="folder of pictures"
    )
    add_options(parser, Search)
    archive = os.environ.get("ARCHIVE") or ROOT / "model_store" / "resnet18-fp32.mar"
    parser.add_argument(
        "--archive", type=Path, default=archive, help="whose network compares (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the groups as JSON")
    return parser.parse_args(arguments)
