"""Numbers and lists in sentences."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str = "") -> str:
    """1 picture, 2,000 pictures."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[object], most: int = 10) -> str:
    """The first of them, and how many more there are."""
    words = [str(name) for name in names]
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
