"""Certificates from Let's Encrypt: Caddy obtains and renews them, and does nothing else.

It answers the authority's questions on port 80 and sends everybody else there to the service. What
it needs comes from requirements-acme.txt, which make installs where DOMAIN asks for it.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from client.errors import ServiceError
from scripts.serving import variables
from scripts.serving.bounds import CERTIFICATE
from scripts.serving.process import GaveUp, Process
from scripts.serving.run_directory import RunDirectory, write_atomically
from scripts.serving.settings import Settings

CADDY = Path(sys.executable).with_name("caddy")
HTTP_PORT = 80  # where authorities look (RFC 8555, 8.3)
POLL = 0.2  # seconds between two looks for the first certificate


class Acme:
    def __init__(self, settings: Settings, run: RunDirectory) -> None:
        """Raises ServiceError where Caddy is not installed."""
        if not CADDY.exists():
            raise ServiceError(
                "no_caddy",
                f"DOMAIN={settings.domain}: Caddy, which obtains certificates, is not installed. "
                "Install it: make .venv/.installed-acme",
            )
        self._settings = settings
        self._file = run.path / "acme.json"
        self._storage = run.path / "caddy"
        self._log = run.logs / "certificate.out"
        command = [str(CADDY), "run", "--config", str(self._file)]
        environment = variables.without(Settings, os.environ)
        self.process = Process("Caddy", command, environment, run.path, self._log)

    async def before_start(self) -> None:
        write_atomically(self._file, json.dumps(self._configuration(), indent=1))

    async def after_start(self) -> None:
        """It needs nothing."""

    def files(self) -> tuple[Path, Path] | None:
        """The newest certificate's and its key's, in PEM; None while there is none."""
        domain = str(self._settings.domain)
        found = self._storage.glob(f"certificates/*/{domain}/{domain}.crt")
        newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
        return (newest, newest.with_suffix(".key")) if newest else None

    async def first(self) -> None:
        """Wait for a certificate. Raises GaveUp."""
        try:
            async with asyncio.timeout(CERTIFICATE):
                while self.files() is None:
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise GaveUp(
                f"DOMAIN={self._settings.domain}: no certificate within {CERTIFICATE:.0f} s. The "
                f"name must point to this machine, on port {HTTP_PORT} too. See {self._log}"
            ) from None

    def _configuration(self) -> dict[str, Any]:
        domain, host = self._settings.domain, self._settings.host
        redirect = {
            "handler": "static_response",
            "status_code": 308,
            "headers": {"Location": [f"https://{domain}{{http.request.uri}}"]},
        }
        server = {
            "listen": [f"[{host}]:{HTTP_PORT}" if ":" in host else f"{host}:{HTTP_PORT}"],
            "automatic_https": {"disable": True},
            "routes": [{"handle": [redirect]}],
        }
        issuer: dict[str, Any] = {"module": "acme", "challenges": {"tls-alpn": {"disabled": True}}}
        if self._settings.acme_directory:
            issuer["ca"] = self._settings.acme_directory
        policy = {"subjects": [domain], "issuers": [issuer]}
        return {
            "admin": {"disabled": True, "config": {"persist": False}},
            "storage": {"module": "file_system", "root": str(self._storage)},
            "apps": {
                "http": {"servers": {"redirect": server}},
                "tls": {
                    "certificates": {"automate": [domain]},
                    "automation": {"policies": [policy]},
                },
            },
        }
