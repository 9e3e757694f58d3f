"""How a model that was just taught gets served."""

import os
from pathlib import Path

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving.archives import model_of
from scripts.serving.management import running
from scripts.serving.run_directory import DEFAULT, RunDirectory


def offer(archive: Path, is_kept_apart: bool) -> str:
    """The next command, in a sentence."""
    shown = os.path.relpath(archive, ROOT)
    if is_kept_apart:
        return (
            "It is worse than the version before, which stays in its place. To take it all the "
            f"same: mv {shown} model_store/{model_of(archive).name}.mar"
        )
    try:
        settings = running(RunDirectory(DEFAULT)).settings
    except ServiceError:
        return "To serve it: make serve"
    if settings.model_api:
        return f"To serve it at once: make rollout ARCHIVE={shown}"
    return "To serve it: make stop, make start (with MODEL_API=1 the next needs no restart)"
