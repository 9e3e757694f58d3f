"""What operators want of a service that runs, whatever becomes of its processes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self


@dataclass(frozen=True)
class Wanted:
    """Of one model."""

    archives: tuple[str, ...]  # loaded from the model store, the default version's first
    workers: int | None = None  # of the default version
    previous: str | None = None  # the archive of the version that was the default before


@dataclass(frozen=True)
class Changes:
    models: dict[str, Wanted] = field(
        default_factory=dict
    )  # the first is asked where none is named
    given_up: dict[str, str] = field(default_factory=dict)  # models, and why they can't be loaded
    access_key: str | None = None  # None: as at the start
    old_access_key: str | None = None  # valid as well
    old_until: float = 0.0  # time.monotonic(), which every process has in common

    @classmethod
    def read(cls, recorded: Mapping[str, Any]) -> Self:
        """From what `dataclasses.asdict` made; one of another version has no models."""
        given = known(cls, recorded)
        models = given.get("models", {}).items()
        return cls(**given | {"models": {name: _wanted(one) for name, one in models}})

    def with_model(self, name: str, wanted: Wanted) -> Self:
        """It is served as that, whatever was before."""
        given_up = {other: why for other, why in self.given_up.items() if other != name}
        return replace(self, models={**self.models, name: wanted}, given_up=given_up)

    def without_model(self, name: str, why: str) -> Self:
        """It can't be loaded."""
        others = {other: wanted for other, wanted in self.models.items() if other != name}
        return replace(self, models=others, given_up={**self.given_up, name: why})

    def access_keys(self, at_start: str | None) -> list[str]:
        """Those that are valid now, the newest first."""
        newest = self.access_key or at_start
        old = self.old_access_key if time.monotonic() < self.old_until else None
        return [key for key in (newest, old) if key]


def _wanted(recorded: Mapping[str, Any]) -> Wanted:
    given = known(Wanted, recorded)
    return Wanted(**given | {"archives": tuple(given["archives"])})


def known(kind: type[Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Its fields in what was recorded: another version of this program may have others."""
    return {one.name: recorded[one.name] for one in fields(kind) if one.name in recorded}
