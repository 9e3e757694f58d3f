"""Logs for machines: a JSON object a line, and the name of the request that it is about."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts import SAMPLES
from tests.archives import with_fault
from tests.service import Service, started, wait_until

CAT = (SAMPLES / "cat.jpg").read_bytes()
FAULT = b"a fault in a library"


@pytest.fixture(scope="module")
def faulty(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """For tests alone: the archive, but a picture that ends with FAULT meets one."""
    path = tmp_path_factory.mktemp("faulty") / "resnet18-fp32.mar"
    with_fault(archive, path, FAULT, r"raise KeyError('line\n[PID]1')")
    with started(path, tmp_path_factory.mktemp("run")) as service:
        yield service


def records(service: Service, log: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (service.run.logs / log).read_text("utf-8").splitlines()]


def test_a_failure_is_logged_with_the_requests_name(faulty: Service) -> None:
    answer = faulty.predict(CAT + FAULT, headers={"X-Request-Id": "order-17"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "order-17"
    wait_until(
        lambda: [r for r in records(faulty, "worker.log") if r["request_id"] == "order-17"],
        5,
        "it is logged",
    )
    [record] = [r for r in records(faulty, "worker.log") if r["request_id"] == "order-17"]
    assert "KeyError" in str(record["msg"])
    wait_until(lambda: records(faulty, "access.log"), 5, "the gateway has written it down")
    [failure] = records(faulty, "access.log")
    assert (failure["request_id"], failure["status"]) == ("order-17", 500)
    # TorchServe has not believed the line that the exception's text would have made.
    assert faulty.predict(CAT).status_code == 200


@pytest.mark.parametrize("log", ["worker.log", "supervisor.log", "gateway.log", "access.log"])
def test_each_line_is_an_object(faulty: Service, log: str) -> None:
    faulty.predict(CAT + FAULT)
    if log == "gateway.log":  # a file that is no secret makes it warn
        (faulty.run.gateway / "key.json.partial").write_text("{")
        (faulty.run.gateway / "key.json.partial").replace(faulty.run.gateway / "nodes.json")
    wait_until(lambda: records(faulty, log), 5, "there is a line")
    for record in records(faulty, log):
        assert record["ts"]
        assert str(record["level"]).lower() in ("info", "warn", "warning", "error")
        assert record["msg"]


def test_torchserves_own_errors_with_their_traces(faulty: Service) -> None:
    key = faulty.run.key("inference")
    # A form that is none: its parser's exception has the body in it.
    requests.post(
        f"{faulty.state.inference}/predictions/resnet18",
        b"a=%zz\n[METRICS]",
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        timeout=10,
    )
    wait_until(lambda: records(faulty, "torchserve.log"), 5, "it is logged")
    assert "Exception" in str(records(faulty, "torchserve.log")[-1]["trace"])


@pytest.mark.parametrize(
    "name", ["a", "order-17", "A.b_c-9" * 9, "6f0b6371-4f42-4931-a943-54403b6fa37e"]
)
def test_a_clients_name_is_kept(service: Service, name: str) -> None:
    answer = service.predict(CAT, headers={"X-Request-Id": name})
    assert answer.headers["x-request-id"] == name


@pytest.mark.parametrize("name", ["", "a b", "ä".encode(), "x" * 65, "a,b", '"'])
def test_other_names_are_replaced(service: Service, name: str) -> None:
    answer = service.predict(CAT, headers={"X-Request-Id": name})
    assert uuid.UUID(answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/predictions/resnet18", b"x", 415),
        ("POST", "/predictions/other", b"x", 404),
        ("GET", "/predictions/resnet18", None, 405),
        ("POST", "/predictions/resnet18", bytes(6_000_000), 413),
        ("GET", "/nothing", None, 404),
        ("GET", "/ready", None, 200),
        ("GET", "/", None, 200),
    ],
)
def test_every_answer_has_a_name(
    service: Service, method: str, path: str, body: bytes | None, status: int
) -> None:
    answer = requests.request(method, service.url + path, data=body, timeout=30)
    assert answer.status_code == status
    assert uuid.UUID(answer.headers["x-request-id"])


def test_no_request_has_a_line_at_the_default_level(service: Service) -> None:
    before = {path: path.stat().st_size for path in service.run.logs.iterdir()}
    for _ in range(5):
        assert service.predict(CAT).status_code == 200
    assert {path: path.stat().st_size for path in service.run.logs.iterdir()} == before


def test_access_log_tells_no_secret(faulty: Service) -> None:
    headers = {"Authorization": "Bearer hidden", "X-Request-Id": "secretive"}
    faulty.predict(CAT + FAULT, headers=headers)
    wait_until(
        lambda: "secretive" in (faulty.run.logs / "access.log").read_text(), 5, "it is logged"
    )
    text = (faulty.run.logs / "access.log").read_text()
    assert "hidden" not in text
    assert (faulty.run.key("inference") or "-") not in text
