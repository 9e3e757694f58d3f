"""Pages that need nothing else: no script, no other file, no network."""

from pathlib import Path
from typing import Any

import jinja2

from scripts.evaluating.sentences import percent

# What users named is text, wherever it stands.
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["percent"] = percent


def html(template: str, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(values)


def put(path: Path, text: str) -> None:
    """All of it or, where the disk fills or the process ends, what was there before."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        # A file's name may be no text at all; what can't be written becomes "?".
        partial.write_bytes(text.encode("utf-8", "replace"))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
