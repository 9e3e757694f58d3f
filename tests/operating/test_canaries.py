"""The pictures on which a new version has to prove itself."""

from pathlib import Path

import pytest

from client.errors import ServiceError
from scripts.operating.canaries import find_canaries


def test_any_picture_is_a_canary(tmp_path: Path) -> None:
    for name in ("a.jpeg", "b.JPG", "c.webp", "README.txt"):
        (tmp_path / name).write_text("text")
    assert [path.name for path in find_canaries(tmp_path)] == ["a.jpeg", "b.JPG", "c.webp"]


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_there_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServiceError, match="There are no pictures"):
        find_canaries(tmp_path / name)
