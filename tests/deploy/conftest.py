"""The guarded service, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from tests.deploy.guarded import DOMAIN, KEY, Certificate, Guarded, make_certificate
from tests.service import Service


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate") / "made")


@pytest.fixture(scope="session")
def guarded(
    archive: Path, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    run = RunDirectory(tmp_path_factory.mktemp("guarded") / "run")
    service = Service(run, archive, free_port())
    names = ("--domain", DOMAIN, "--hosts", f"photos.test *.{DOMAIN}")
    files = ("--certificate", str(certificate.certificate), "--private-key", str(certificate.key))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCESS_KEY", KEY)
        start = service.start(*names, *files)
    assert start.returncode == 0, start.stderr
    yield Guarded(service, certificate.certificate)
    assert service.stop().returncode == 0
