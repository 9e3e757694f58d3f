"""The access key."""

import json
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest
import requests

from client.classifier import PATIENCE
from scripts import ROOT, SAMPLES
from tests.client.foreign import answer, foreign
from tests.deploy.guarded import DOMAIN, KEY, WITH_KEY, Guarded
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()
NOT_FOUND, NO_METHOD = (404, "not_found"), (405, "method_not_allowed")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}0",
        f"Bearer {KEY.upper()}",
        f"bearer {KEY.upper()}",
        f"Bearer{KEY}",
        f"Bearer\t{KEY}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY},",
        f"Basic {KEY}",
        KEY,
        f"Bearer wrong, Bearer {KEY}",
    ],
)
def test_no_prediction_without_the_key(guarded: Guarded, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for target in (
        "/predictions/resnet18",
        "/predictions/resnet18/1.0?top_k=1",
        "/explanations/resnet18",
    ):
        answer = guarded.ask("POST", target, headers=headers, data=CAT)
        assert error(answer) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   ", "  bearer  "])
def test_the_scheme_may_be_written_otherwise(guarded: Guarded, scheme: str) -> None:
    """RFC 9110, 11.1: it is case-insensitive; 11.4: spaces after it may be several."""
    address = f"https://127.0.0.1:{guarded.service.port}/predictions/resnet18?top_k=1"
    header = f"Authorization:{scheme}{KEY}"
    command = ["curl", "-sSk", "-H", f"Host: {DOMAIN}", "-H", header, "--data-binary", "@-"]
    done = subprocess.run([*command, address], input=CAT, capture_output=True, timeout=30)
    assert len(json.loads(done.stdout)) == 1


@pytest.mark.parametrize(
    "target",
    [
        "/predictions%2fresnet18",
        "//predictions/resnet18",
        "/./predictions/resnet18",
        "/x/../predictions/resnet18",
        "/predictions/resnet18/",
        "/PREDICTIONS/resnet18",
        "/%70redictions/resnet18",
        "/predictions/nothing",
    ],
)
def test_no_other_spelling_goes_around_the_key(guarded: Guarded, target: str) -> None:
    url = f"https://127.0.0.1:{guarded.service.port}"
    with requests.Session() as session:
        request = session.prepare_request(requests.Request("POST", url, data=CAT))
        request.url = url + target  # as it is
        answer = session.send(request, verify=str(guarded.certificate), timeout=30)
    assert error(answer) in (NOT_FOUND, (401, "unauthorized"))


def test_a_second_key_is_none(guarded: Guarded) -> None:
    """Two headers of that name, one of them right."""
    for first, second in ((KEY, "wrong"), ("wrong", KEY), (KEY, KEY)):
        done = guarded.curl(
            DOMAIN, "-H", f"Authorization: Bearer {first}", "-H", f"Authorization: Bearer {second}"
        )
        assert json.loads(done.stdout)["type"] == "unauthorized"


def test_the_key_opens(guarded: Guarded, service: Service) -> None:
    expected = service.predict(CAT).json()
    for target in ("/predictions/resnet18", "/predictions/resnet18/1.0"):
        answer = guarded.ask("POST", target, headers=WITH_KEY, data=CAT)
        assert answer.json() == expected


@pytest.mark.parametrize("target", ["/", "/ping", "/ready", "/samples/cat.jpg"])
def test_page_and_health_need_no_key(guarded: Guarded, target: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert guarded.ask("GET", target, headers=headers).status_code == 200


def test_commands_take_the_key(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://127.0.0.1:{guarded.service.port}"
    command = [sys.executable, "scripts/classify.py", "--url", url, "--json"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(guarded.certificate))

    def classify() -> tuple[int, dict[str, Any]]:
        picture = str(SAMPLES / "cat.jpg")
        done = subprocess.run([*command, picture], cwd=ROOT, capture_output=True, timeout=60)
        return done.returncode, json.loads(done.stdout)

    status, line = classify()
    assert (status, line["error"]["type"]) == (1, "unauthorized")
    assert "access key" in line["error"]["message"]
    monkeypatch.setenv("ACCESS_KEY", KEY)
    status, line = classify()
    assert (status, line["items"][0]["class"]) == (0, "Egyptian cat")


def test_commands_find_address_and_key(guarded: Guarded) -> None:
    done = guarded.service.command(
        "classify", "--run-directory", str(guarded.service.run.path), str(SAMPLES / "cat.jpg")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Egyptian cat" in done.stdout


def test_the_key_is_for_its_own_service(guarded: Guarded) -> None:
    run = str(guarded.service.run.path)
    with foreign(answer(401)) as server:
        picture = str(SAMPLES / "cat.jpg")
        guarded.service.command("classify", "--run-directory", run, "--url", server.url, picture)
    assert "authorization" not in server.heads[0].lower()


@pytest.mark.parametrize(
    ("host", "says"), [("127.0.0.1", "REQUESTS_CA_BUNDLE=ca.pem"), ("localhost", "issued for")]
)
def test_a_certificate_that_is_not_trusted_is_final(
    guarded: Guarded, host: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS_KEY", KEY)
    if host == "localhost":  # which it is not for
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(guarded.certificate))
    url = f"https://{host}:{guarded.service.port}"
    began = time.monotonic()
    done = guarded.service.command("classify", "--url", url, str(SAMPLES / "cat.jpg"))
    assert time.monotonic() - began < PATIENCE
    assert done.returncode == 1
    assert says in done.stdout


def test_https_where_there_is_none(service: Service) -> None:
    url = service.url.replace("http:", "https:")
    done = service.command("classify", "--url", url, str(SAMPLES / "cat.jpg"))
    assert done.returncode == 1
    assert "does not answer in HTTPS" in done.stdout


def test_the_key_is_nowhere_to_be_read(guarded: Guarded) -> None:
    """But in the environment of those who need it, and in a file for the service's user alone."""
    run = guarded.service.run
    assert guarded.ask("POST", "/predictions/resnet18", headers=WITH_KEY, data=b"x").status_code
    lines = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if KEY in " ".join(line or [])] == []
    torchserve = psutil.Process(guarded.service.child_pid("ModelServer"))
    workers = torchserve.children()
    assert workers
    for process in (torchserve, *workers):
        assert KEY not in process.environ().values()
    files = [path for path in run.path.rglob("*") if path.is_file() and path.suffix != ".mar"]
    assert run.logs / "gateway.log" in files
    holders = {path for path in files if KEY.encode() in path.read_bytes()}
    assert holders <= {run.path / "service.json", run.access_key, run.gateway / "routes.json"}
    for path in (run.path, *holders):
        assert path.stat().st_mode & 0o077 == 0
