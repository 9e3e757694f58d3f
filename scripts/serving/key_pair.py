"""Whether a certificate and its key can be used under a name; what is wrong where they can't.

Standard library alone: make asks before anything is installed. A client of OpenSSL's own judges,
in memory, as clients of the service will.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

MISMATCH = "KEY_VALUES_MISMATCH"  # OpenSSL's words
WRONG_NAME = 62  # X509_V_ERR_HOSTNAME_MISMATCH


class BadPair(Exception):
    """They can't be used; `str(error)` says why and what to do, and holds nothing of the key."""


@dataclass(frozen=True)
class Read:
    """A file as it was at one time: its owner may replace it at any."""

    path: Path
    content: bytes = field(repr=False)  # perhaps a key

    @classmethod
    def of(cls, path: Path) -> Self:
        return cls(path, path.read_bytes())

    @contextmanager
    def opened(self) -> Iterator[str]:
        """For OpenSSL, which reads keys from files alone: one that no disk has."""
        with os.fdopen(os.memfd_create("pem"), "wb") as file:
            file.write(self.content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"


def check_pair(chain: Read, private_key: Read, name: str) -> None:
    """Raises BadPair."""
    _check_forms(chain, private_key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        with chain.opened() as certificates, private_key.opened() as key:
            server.load_cert_chain(certificates, key, password="")
    except ssl.SSLError as error:
        files = chain.path, private_key.path
        if error.reason == MISMATCH:
            raise BadPair(
                f"{files[1]} is not the key of the first certificate in {files[0]}. First comes "
                f"the one for {name}, then those of the authorities that vouch for it"
            ) from None
        reason = error.reason or error
        raise BadPair(f"{files[0]} and {files[1]} can't be used ({reason})") from None
    try:
        _names(server, chain, name)
    except ssl.SSLCertVerificationError as error:
        raise BadPair(f"{chain.path}: {_refusal(error, server, chain, name)}") from None


def _check_forms(chain: Read, private_key: Read) -> None:
    if b"-----BEGIN CERTIFICATE-----" not in chain.content:
        raise BadPair(
            f"{chain.path} has no certificate in PEM form. If it has one in DER form: "
            f"openssl x509 -inform der -in {chain.path.name} -out certificate.pem"
        )
    key = private_key.path
    if b"PRIVATE KEY-----" not in private_key.content:
        raise BadPair(f"{key} has no private key in PEM form: set PRIVATE_KEY=key.pem")
    if b"ENCRYPTED" in private_key.content:
        raise BadPair(
            f"{key}: the key has a pass phrase. Write it down without one: "
            f"openssl pkey -in {key.name} -out key.pem"
        )


def _refusal(
    error: ssl.SSLCertVerificationError, server: ssl.SSLContext, chain: Read, name: str
) -> str:
    if error.verify_code != WRONG_NAME:
        return f"clients would refuse the certificate ({error.verify_message})"
    names = _names(server, chain, None)
    listed = f"for {', '.join(names)}" if names else "without a name (subjectAltName)"
    return f"this is a certificate {listed}, not for {name}"


def _names(server: ssl.SSLContext, chain: Read, wanted: str | None) -> list[str]:
    """Those in the certificate, as a client sees it.

    Raises SSLCertVerificationError where it is not for the wanted name, or not for now.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # That somebody vouches for it is no condition: the authority may be one's own.
    with chain.opened() as certificates:
        client.load_verify_locations(certificates)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.check_hostname = wanted is not None
    client.hostname_checks_common_name = False  # no browser does
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=wanted)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (here, there):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    here.do_handshake()
    seen: Any = here.getpeercert() or {}
    return [value for _, value in seen.get("subjectAltName", ())]
