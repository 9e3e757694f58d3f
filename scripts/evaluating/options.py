"""What the commands of this room are told. Standard library alone: make checks it first."""

from dataclasses import dataclass
from pathlib import Path

from scripts.serving import variables as v
from scripts.serving.variables import variable


def _similarity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0.5 <= value <= 1:
        raise ValueError("write a number from 0.5 to 1, such as 0.985")
    return value


@dataclass(frozen=True)
class Search:
    """Of make duplicates."""

    threshold: float = variable(
        _similarity, "similarity from which on pictures are near duplicates", default=0.985
    )
    output: Path = variable(
        v.path, "page that make duplicates writes", default=Path("duplicates.html")
    )
