"""What a service is asked to be: the one source of its options, variables and configuration."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scripts.serving import variables as v
from scripts.serving.key_pair import BadPair, Read, check_pair
from scripts.serving.variables import BadSetting, variable

HTTPS_PORT = 443
MOST_WORKERS = 4 * (os.cpu_count() or 1)  # more than a few only take memory


@dataclass(frozen=True)
class Settings:
    """Of one service. A secret is not an option: every user of the machine can read those."""

    archive: Path = variable(
        v.path,
        "the model archive (.mar) to serve",
        default=Path("model_store", "resnet18-fp32.mar"),
    )
    models: str | None = variable(
        v.model_names,
        "names of the models to serve, the first where none is named: resnet18,ants_bees",
        words="ARCHIVE's, and every model taught",
    )
    host: str = variable(
        v.address,
        "IP address of the page and API; 0.0.0.0 opens them to the network",
        default="127.0.0.1",
        words="127.0.0.1; with DOMAIN 0.0.0.0",
    )
    port: int = variable(
        v.whole(1, 65535, "a port"),
        "port of the page and API",
        default=8000,
        words="8000; with DOMAIN 443",
    )
    hosts: str | None = variable(
        v.host_names, "host names it accepts, in addition to IP addresses and localhost"
    )
    access_key: str | None = variable(
        v.matching(
            r"[A-Za-z0-9._~+/=-]{16,512}",
            "a key has 16 or more ASCII letters, digits or -._~+/=. "
            "Create one: openssl rand -hex 16",
        ),
        "key that predictions must send: Authorization: Bearer KEY",
        secret=True,
    )
    domain: str | None = variable(
        v.host_name, "serve HTTPS under this name, with a certificate from Let's Encrypt"
    )
    certificate: Path | None = variable(
        v.existing_file, "use this certificate (a PEM file) instead"
    )
    private_key: Path | None = variable(
        v.existing_file, "its private key (a PEM file)", words="in the same file"
    )
    acme_directory: str | None = variable(
        v.matching(r"https://\S+", "this is not an ACME directory's address: https://…"),
        "with DOMAIN: a certificate authority other than Let's Encrypt (the address of its ACME "
        "directory)",
    )
    workers: int | None = variable(
        v.whole(1, MOST_WORKERS, "the number of workers"),
        "worker processes; one uses all cores",
        words="as the archive says, 1",
    )
    threads: int | None = variable(
        v.whole(1, 1024, "the number of threads"), "threads per worker", words="all cores"
    )
    model_api: bool = variable(
        v.switch,
        "allow archives to be rolled out while the service runs; whoever has TorchServe's "
        "management key (in a file only this user can read) can then load code",
        default=False,
    )
    access_log: bool = variable(
        v.switch,
        "log every prediction, with the client's address, not only failed ones",
        default=False,
    )

    @classmethod
    def of(cls, environment: Mapping[str, str], options: argparse.Namespace | None = None) -> Self:
        """From the environment and, stronger, a command's options. Raises BadSetting."""
        given = v.read(cls, environment, options)
        if "domain" in given:
            given = {"host": "0.0.0.0", "port": HTTPS_PORT} | given
        settings = cls(**{"archive": v.path(str(cls.archive))} | given)
        settings._check_certificate()
        return settings

    def certificate_files(self) -> tuple[Path, Path] | None:
        """Certificate and key, which may be one file; None where there is none."""
        if self.certificate is None:
            return None
        return self.certificate, self.private_key or self.certificate

    def _check_certificate(self) -> None:
        """Raises BadSetting where those that belong together do not fit."""
        if self.private_key and not self.certificate:
            raise BadSetting("PRIVATE_KEY needs a certificate too: set CERTIFICATE=file.pem")
        if self.certificate and not self.domain:
            raise BadSetting("CERTIFICATE also needs the name it was issued for: set DOMAIN=")
        if self.certificate and self.domain:
            try:
                key = self.private_key or self.certificate
                check_pair(Read.of(self.certificate), Read.of(key), self.domain)
            except BadPair as error:
                raise BadSetting(f"CERTIFICATE: {error}") from None
            except OSError as error:
                raise BadSetting(f"CERTIFICATE: {error.filename}: {error.strerror}") from None
        elif self.domain and self.port != HTTPS_PORT:
            raise BadSetting(
                f"PORT={self.port}: Let's Encrypt needs the service on port {HTTPS_PORT}. "
                "Leave PORT unset, or use your own certificate: CERTIFICATE=file.pem"
            )

    @property
    def where(self) -> str:
        """For users, in words."""
        everywhere = not self.domain and self.host in ("0.0.0.0", "::")
        also = ", and at every address of this machine" if everywhere else ""
        is_open = not self.access_key and not self.host.startswith(("127.", "localhost", "::1"))
        return f"{self.url}{also}{' (no access key: anyone who reaches it can use it)' * is_open}"

    @property
    def url(self) -> str:
        """For users."""
        if self.domain:
            return f"https://{self.domain}{'' if self.port == HTTPS_PORT else f':{self.port}'}"
        return self.local_url

    @property
    def local_url(self) -> str:
        """The same, on this machine."""
        # A machine may have no IPv6 address, and "::" takes both.
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        bracketed = f"[{host}]" if ":" in host else host
        return f"{'https' if self.domain else 'http'}://{bracketed}:{self.port}"
