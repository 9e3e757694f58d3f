"""A service with an access key, names of its own, and TLS."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from scripts import SAMPLES
from tests.service import Service

CAT = (SAMPLES / "cat.jpg").read_bytes()
KEY = "3f9c1d2e4b5a69788796a5b4c3d2e1f0"
DOMAIN = "pictures.test"


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Its own authority, for DOMAIN and this machine's address."""
    folder.mkdir()
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += f" -subj /CN={DOMAIN} -addext subjectAltName=DNS:{DOMAIN},IP:127.0.0.1"
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return made


@dataclass(frozen=True)
class Guarded:
    """A service with an access key, names of its own, and TLS."""

    service: Service
    certificate: Path

    def ask(
        self, method: str, target: str, name: str = DOMAIN, **options: Any
    ) -> requests.Response:
        headers = {"Host": name, **options.pop("headers", {})}
        url = f"https://127.0.0.1:{self.service.port}{target}"
        return requests.request(
            method, url, headers=headers, verify=str(self.certificate), timeout=30, **options
        )

    def curl(self, name: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        """As a user would ask, whose resolver knows the name."""
        port = self.service.port
        command = ["curl", "-sS", "--cacert", str(self.certificate), *options]
        command += ["--resolve", f"{name}:{port}:127.0.0.1", "--data-binary", "@-"]
        url = f"https://{name}:{port}/predictions/resnet18"
        return subprocess.run([*command, url], input=CAT, capture_output=True, timeout=60)


WITH_KEY = {"Authorization": f"Bearer {KEY}"}
