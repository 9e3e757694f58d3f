"""Certificates: what clients would refuse is refused before anything starts, in one sentence."""

import subprocess
from pathlib import Path

import pytest

from scripts.serving.key_pair import BadPair, Read, check_pair
from scripts.serving.settings import Settings
from scripts.serving.variables import BadSetting

NAME = "pictures.lab.test"


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of an authority of our own, by what is special about them."""
    folder = tmp_path_factory.mktemp("a certificate's")
    new = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    openssl(folder, f"{new} -x509 -subj /CN=authority -keyout authority.key -out authority.pem")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=a\n[a]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\n"
        "default_md=sha256\ncopy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n"
    )
    (folder / "index").touch()
    for kind, names, start, end in [
        ("good", NAME, "20200101000000Z", "20991231000000Z"),
        ("wildcard", "*.lab.test", "20200101000000Z", "20991231000000Z"),
        ("other", "a.test,DNS:b.test", "20200101000000Z", "20991231000000Z"),
        ("expired", NAME, "20200101000000Z", "20200102000000Z"),
        ("early", NAME, "20980101000000Z", "20991231000000Z"),
    ]:
        dates = f"-startdate {start} -enddate {end}"
        request = f"{new} -subj /CN=x -addext subjectAltName=DNS:{names}"
        openssl(folder, f"{request} -keyout {kind}.key -out {kind}.csr")
        ca = "ca -batch -notext -config ca.cnf -cert authority.pem -keyfile authority.key"
        openssl(folder, f"{ca} {dates} -in {kind}.csr -out {kind}.pem")
    openssl(folder, f"{new} -x509 -subj /CN={NAME} -keyout nameless.key -out nameless.pem")
    openssl(folder, "x509 -in good.pem -outform der -out der.pem")
    openssl(folder, "pkey -in good.key -aes256 -passout pass:secret -out encrypted.key")
    first, authority = (folder / "good.pem").read_text(), (folder / "authority.pem").read_text()
    (folder / "chain.pem").write_text(first + authority)
    (folder / "upside-down.pem").write_text(authority + first)
    (folder / "both.pem").write_text(first + (folder / "good.key").read_text())
    return folder


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        ("good", "good.key"),
        ("wildcard", "wildcard.key"),
        ("chain", "good.key"),
        ("both", "both.pem"),
    ],
)
def test_good(files: Path, chain: str, key: str) -> None:
    check_pair(Read.of(files / f"{chain}.pem"), Read.of(files / key), NAME)


@pytest.mark.parametrize(
    ("chain", "key", "sentence"),
    [
        ("other", "other.key", f"this is a certificate for a.test, b.test, not for {NAME}"),
        ("nameless", "nameless.key", "without a name (subjectAltName)"),
        ("expired", "expired.key", "certificate has expired"),
        ("early", "early.key", "certificate is not yet valid"),
        ("good", "other.key", "is not the key of the first certificate"),
        ("upside-down", "good.key", "is not the key of the first certificate"),
        ("good", "good.pem", "has no private key in PEM form: set PRIVATE_KEY="),
        ("good", "encrypted.key", "the key has a pass phrase"),
        ("der", "good.key", "openssl x509 -inform der -in der.pem"),
        ("good", "good.csr", "has no private key in PEM form"),
    ],
)
def test_bad(files: Path, chain: str, key: str, sentence: str) -> None:
    with pytest.raises(BadPair) as refused:
        check_pair(Read.of(files / f"{chain}.pem"), Read.of(files / key), NAME)
    assert sentence in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_what_was_read_is_judged_not_what_came_later(files: Path, tmp_path: Path) -> None:
    pair = [tmp_path / "chain.pem", tmp_path / "key.pem"]
    for kind in ("good.pem", "good.key"), ("other.pem", "wildcard.key"):
        for path, name in zip(pair, kind, strict=True):
            path.write_bytes((files / name).read_bytes())
        if kind[0] == "good.pem":
            read = [Read.of(path) for path in pair]
    check_pair(*read, NAME)


def test_settings_refuse_them(files: Path) -> None:
    given = {"DOMAIN": NAME, "PORT": "8443", "CERTIFICATE": str(files / "expired.pem")}
    with pytest.raises(BadSetting, match=r"^CERTIFICATE: .*expired\.pem has no private key"):
        Settings.of(given)
    with pytest.raises(BadSetting, match=r"^CERTIFICATE: .*certificate has expired"):
        Settings.of(given | {"PRIVATE_KEY": str(files / "expired.key")})
