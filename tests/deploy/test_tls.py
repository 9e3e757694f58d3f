"""TLS, and the names of a service that speaks it."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from scripts import SAMPLES
from scripts.serving import gateway_files
from scripts.serving.gateway import ENVOY
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from tests.deploy.exchange import exchange, parsed
from tests.deploy.guarded import (
    DOMAIN,
    KEY,
    WITH_KEY,
    Certificate,
    Guarded,
    make_certificate,
)
from tests.service import Service, error, started, wait_until

CAT = (SAMPLES / "cat.jpg").read_bytes()


def test_curl_trusts_the_certificate(guarded: Guarded, service: Service) -> None:
    done = guarded.curl(DOMAIN, "-H", f"Authorization: Bearer {KEY}")
    assert json.loads(done.stdout) == service.predict(CAT).json()
    assert json.loads(guarded.curl(DOMAIN).stdout)["type"] == "unauthorized"


def test_curl_does_not_trust_it_for_another_name(guarded: Guarded) -> None:
    assert guarded.curl("photos.test").returncode in (35, 60)


@pytest.mark.parametrize(
    "name", [DOMAIN, f"{DOMAIN}:8443", "photos.test", f"a.{DOMAIN}", "127.0.0.1", "localhost"]
)
def test_names_that_were_allowed(guarded: Guarded, name: str) -> None:
    assert guarded.ask("GET", "/ready", name).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.test", "a.photos.test", f"a.b.{DOMAIN}", f"{DOMAIN}.evil.test", f"not{DOMAIN}"]
)
def test_names_that_were_not(guarded: Guarded, name: str) -> None:
    for target in ("/", "/ready"):
        assert error(guarded.ask("GET", target, name)) == (421, "wrong_host")
    answer = guarded.ask("POST", "/predictions/resnet18", name, headers=WITH_KEY, data=CAT)
    assert error(answer) == (421, "wrong_host")


def test_http_2_and_3_are_offered(guarded: Guarded) -> None:
    done = guarded.curl(DOMAIN, "--http2", "-i")
    assert done.stdout.startswith(b"HTTP/2 401")
    assert f'h3=":{guarded.service.port}"'.encode() in done.stdout
    gateway = psutil.Process(guarded.service.child_pid("envoy"))
    udp = [c.laddr.port for c in gateway.net_connections("udp")]
    assert guarded.service.port in udp


def test_plain_http_is_sent_to_https(guarded: Guarded) -> None:
    port = guarded.service.port
    for host in (DOMAIN, f"127.0.0.1:{port}", "evil.test"):
        answer = requests.get(
            f"http://127.0.0.1:{port}/ping?a=b",
            headers={"Host": host},
            timeout=10,
            allow_redirects=False,
        )
        assert answer.status_code == 301
        assert answer.headers["location"] == f"https://{DOMAIN}:{port}/ping?a=b"


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("size", [10, 600_000])
def test_plain_http_with_a_body_is_told_so(guarded: Guarded, method: str, size: int) -> None:
    """A redirect would have its client send the picture again, or turn it into a GET."""
    url = f"http://127.0.0.1:{guarded.service.port}/predictions/resnet18"
    answer = requests.request(method, url, data=CAT[:10].ljust(size), timeout=10)
    assert error(answer) == (400, "bad_request")
    assert "https://" in answer.json()["message"]


@pytest.mark.parametrize("line", [b"nonsense", b"GET / HTTP/1.1", b"POST /" + b"a" * 70_000])
def test_nonsense_without_tls_is_told_so(guarded: Guarded, line: bytes) -> None:
    answer = exchange(guarded.service.port, line + b"\r\n\r\n")
    assert error(parsed(answer)) == (400, "bad_request")
    assert b"https://" in answer


@pytest.mark.parametrize(
    ("version", "agreed"), [("1", False), ("1_1", False), ("1_2", True), ("1_3", True)]
)
def test_old_tls_is_refused(guarded: Guarded, version: str, agreed: bool) -> None:
    address = f"127.0.0.1:{guarded.service.port}"
    command = ["openssl", "s_client", f"-tls{version}", "-cipher", "ALL:@SECLEVEL=0"]
    command += ["-connect", address, "-servername", DOMAIN]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20)
    assert (done.returncode == 0) == agreed
    # The server's word, not a client that does not speak it.
    assert (b"alert protocol version" in done.stderr) != agreed


@pytest.mark.started
def test_a_renewed_certificate_is_taken_over(
    archive: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """Without a restart; files that do not fit together are left alone."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    shutil.copyfile(certificate.certificate, files[0])
    shutil.copyfile(certificate.key, files[1])
    options = ["--domain", DOMAIN, "--certificate", str(files[0]), "--private-key", str(files[1])]
    with started(archive, tmp_path / "run", "--host", "127.0.0.1", *options) as service:

        def serial() -> str:
            return ssl.get_server_certificate(("127.0.0.1", service.port), timeout=10)

        def logged() -> str:
            return (service.run.logs / "supervisor.log").read_text()

        gateway, first = service.child_pid("envoy"), serial()
        assert first == certificate.certificate.read_text()
        renewed = make_certificate(tmp_path / "renewed")
        files[0].unlink()
        wait_until(lambda: "No such file" in logged(), 10, "it is missed")
        shutil.copyfile(renewed.certificate, files[0])
        wait_until(lambda: "is not the key of the first" in logged(), 10, "the pair is refused")
        assert serial() == first
        shutil.copyfile(renewed.key, files[1])
        wait_until(lambda: serial() == renewed.certificate.read_text(), 10, "it is taken over")
        assert service.child_pid("envoy") == gateway


@pytest.mark.started
def test_a_bad_certificate_starts_nothing(
    archive: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """With the key of another; the other sentences are in tests/serving/test_key_pair.py."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x"
    )
    files = ["-keyout", "/dev/null", "-out", str(tmp_path / "other.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    service = Service(RunDirectory(tmp_path / "run"), archive, free_port())
    names = ["--domain", DOMAIN, "--certificate", str(tmp_path / "other.pem")]
    done = service.start(*names, "--private-key", str(certificate.key))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not the key of the first certificate" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not service.run.path.exists()


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """Each that is somewhere in it, outer ones first."""
    if isinstance(node, dict):
        yield node
    if isinstance(node, dict | list):
        for one in list(node.values()) if isinstance(node, dict) else node:
            yield from mappings(one)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
@pytest.mark.parametrize("domain", [None, DOMAIN])
@pytest.mark.parametrize("names", [None, "photos.test *.photos.test"])
@pytest.mark.parametrize("key", [None, KEY])
def test_the_gateway_accepts_its_configuration(
    certificate: Certificate,
    tmp_path: Path,
    host: str,
    domain: str | None,
    names: str | None,
    key: str | None,
) -> None:
    """A domain without a certificate of its own: one from Let's Encrypt, which no test can get.

    Envoy reads routes and models' clusters only when it runs: here they are where it looks before.
    """
    given = {"HOST": host, "DOMAIN": domain, "HOSTS": names, "ACCESS_KEY": key}
    settings = Settings.of({name: text for name, text in given.items() if text})
    run = RunDirectory(tmp_path)
    run.create()
    gateway_files.write_nodes(run, 8080)
    gateway_files.write_key(run, "key")
    gateway_files.write_certificate(
        run, certificate.certificate.read_text(), certificate.key.read_text()
    )
    ports = {"METRICS": 8083, "SUPERVISOR": 8084}
    models, keys = ["resnet18", "a.b"], [key] if key else []
    file = gateway_files.write_configuration(settings, run, models, ports, keys)
    bootstrap = json.loads(file.read_text())
    (routes,) = json.loads((run.gateway / "routes.json").read_text())["resources"]
    del routes["@type"]
    clusters = json.loads((run.gateway / "clusters.json").read_text())["resources"]
    assert len(clusters) == 2
    for cluster in clusters:
        del cluster["@type"]
    bootstrap["static_resources"]["clusters"] += clusters
    doors = [door for door in mappings(bootstrap) if door.pop("rds", None)]
    assert len(doors) == (2 if domain else 1)
    for door in doors:
        door["route_config"] = routes
    file.write_text(json.dumps(bootstrap))
    command = [str(ENVOY), "--mode", "validate", "--disable-hot-restart", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert f"configuration '{file}' OK" in done.stdout
    assert "deprecated" not in done.stderr.lower()
