"""TorchServe behind the gateway: its doors want their tokens."""

import re
import struct
import subprocess

import psutil
import pytest
import requests

from scripts import SAMPLES
from tests.service import Service

CAT = (SAMPLES / "cat.jpg").read_bytes()
NOT_FOUND, NO_METHOD = (404, "not_found"), (405, "method_not_allowed")


def keys(service: Service) -> dict[str, str]:
    """TorchServe's own."""
    return {kind: service.run.key(kind) or "" for kind in ("inference", "management")}


BEHIND = [
    ("inference", "POST", "/predictions/resnet18"),
    ("inference", "GET", "/ping"),
    ("inference", "POST", "/explanations/resnet18"),
    ("inference", "POST", "/invocations"),
    ("inference", "POST", "/v1/models/resnet18:predict"),
    ("management", "GET", "/models"),
    ("management", "GET", "/models/resnet18"),
    ("management", "POST", "/models?url=x.mar"),
    ("management", "PUT", "/models/resnet18?min_worker=0&synchronous=true"),
    ("management", "PUT", "/models/resnet18/1.0/set-default"),
    ("management", "DELETE", "/models/resnet18"),
    ("management", "GET", "/token?type=inference"),
]


@pytest.mark.parametrize(("port", "method", "target"), BEHIND)
@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Bearer {part}", "Bearer {other}"])
def test_torchserve_refuses_without_its_token(
    service: Service, port: str, method: str, target: str, token: str
) -> None:
    both = keys(service)
    other = both["management" if port == "inference" else "inference"]
    header = token.format(part=both[port][:-1], other=other)
    answer = requests.request(
        method,
        getattr(service.state, port) + target,
        data=CAT if method == "POST" else None,
        headers={"Authorization": header} if token else {},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["type"]) == (400, "InvalidKeyException")
    assert service.worker_pids()


def grpc(port: int, method: str, message: bytes = b"", token: str = "") -> tuple[str, bytes]:
    """The status of a unary gRPC call (0: OK, 7: PERMISSION_DENIED) and its answer.

    A message goes over HTTP/2 as a flag, its length and its bytes; curl speaks HTTP/2.
    """
    headers = ["content-type: application/grpc", "te: trailers"]
    headers += [f"authorization: Bearer {token}"] if token else []
    command = ["curl", "-sS", "--max-time", "10", "--http2-prior-knowledge", "-i"]
    command += [word for header in headers for word in ("-H", header)]
    command += ["--data-binary", "@-", f"http://127.0.0.1:{port}/org.pytorch.serve.grpc.{method}"]
    body = b"\0" + struct.pack(">I", len(message)) + message
    done = subprocess.run(command, input=body, capture_output=True, check=True)
    status = re.search(rb"grpc-status: (\d+)\r\n", done.stdout)
    assert status
    return status[1].decode(), done.stdout


def field(number: int, value: bytes) -> bytes:
    """Of a protobuf message (all here are shorter than 128 bytes)."""
    return bytes([number << 3 | 2, len(value)]) + value


MODEL = field(1, b"resnet18")


@pytest.mark.parametrize(
    ("port", "method", "message", "needed"),
    [
        ("INFERENCE", "inference.InferenceAPIsService/Predictions", MODEL, b"empty_body"),
        ("INFERENCE", "inference.InferenceAPIsService/StreamPredictions", MODEL, b""),
        ("INFERENCE", "inference.InferenceAPIsService/Ping", b"", b"Healthy"),
        ("MANAGEMENT", "management.ManagementAPIsService/ListModels", b"\x08\x64", b"resnet18"),
        ("MANAGEMENT", "management.ManagementAPIsService/DescribeModel", MODEL, b"READY"),
        ("MANAGEMENT", "management.ManagementAPIsService/UnregisterModel", MODEL, b""),
        ("MANAGEMENT", "management.ManagementAPIsService/ScaleWorker", MODEL, b""),
    ],
)
def test_torchserve_refuses_grpc_without_its_token(
    service: Service, port: str, method: str, message: bytes, needed: bytes
) -> None:
    environment = psutil.Process(service.child_pid("ModelServer")).environ()
    number = int(environment[f"TS_GRPC_{port}_PORT"])
    both = keys(service)
    right = both.pop(port.lower())
    for token in ("", "x", *both.values()):
        status, answer = grpc(number, method, message, token)
        assert status == "7"
        assert b"resnet18" not in answer
    if needed:
        status, answer = grpc(number, method, message, right)
        assert status == "0"
        assert needed in answer


def test_torchserve_listens_on_loopback_alone(service: Service) -> None:
    torchserve = psutil.Process(service.child_pid("ModelServer"))
    listening = [c.laddr for c in torchserve.net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 5
    # Java's sockets are IPv6's, bound to an IPv4 address.
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    others = [p for pid in service.worker_pids() for p in psutil.Process(pid).net_connections()]
    assert others == []
