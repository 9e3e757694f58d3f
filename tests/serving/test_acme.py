"""What DOMAIN needs, where it is not there; tests/deploy/test_acme.py obtains a certificate."""

from pathlib import Path

import pytest

from client.errors import ServiceError
from scripts.serving import acme
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings


def test_without_caddy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acme, "CADDY", tmp_path / "caddy")
    with pytest.raises(ServiceError, match="Install it: make"):
        acme.Acme(Settings(domain="pictures.test"), RunDirectory(tmp_path))
