"""Names of classes: their order, and which can't be one."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from scripts.evaluating.phrases import listed
from scripts.evaluating.pictures import NotLabelled

LONGEST = 100  # characters: they are shown beside bars and in tables
# Control characters, halves of characters (names that are no UTF-8), ends of lines: they can't be
# in a line of labels.tsv.
UNUSABLE = {"Cc", "Cs", "Zl", "Zp"}

NaturalKey = tuple[tuple[str | int, ...], str]


def natural(name: str) -> NaturalKey:
    """The key by which 1, 2, 10 stand in this order; names equal but for case, too, in one."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


def class_name(text: str, origin: str) -> str:
    """As it is compared and kept: trimmed, in Unicode's composed form.

    origin: where it was found, for the sentence. Raises NotLabelled where it can't be a name.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if len(name) > LONGEST:
        raise NotLabelled(
            f"{origin}: the class name {name[:40]!r}… has {len(name)} characters. Rename it to "
            f"one of at most {LONGEST}"
        )
    if not name or any(unicodedata.category(letter) in UNUSABLE for letter in name):
        raise NotLabelled(
            f"{origin}: {text!r} can't be the name of a class. Rename it to one without tabs, "
            "line breaks and other control characters"
        )
    return name


def told_of(counts: dict[str, int]) -> Iterator[str]:
    """Sentences on names that are easily confused, and on classes without pictures."""
    spellings = defaultdict[str, list[str]](list)
    for name in counts:
        spellings[name.casefold()].append(name)
    for names in spellings.values():
        if len(names) > 1:
            yield f"{listed(names)} are equal but for case, and are classes of their own."
    empty = [name for name, count in counts.items() if not count]
    if empty:
        yield f"Without a picture: {listed(empty)}."
