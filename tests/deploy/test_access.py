"""Who may enter: the gateway's allow-list, malformed requests, names, the access key and TLS."""

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from scripts import ROOT, SAMPLES
from scripts.serving.gateway import configuration
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()
KEY = os.urandom(16).hex()
DOMAIN = "pictures.test"
NOT_FOUND, NO_METHOD = (404, "not_found"), (405, "method_not_allowed")


def exchange(port: int, request: bytes) -> bytes:
    """All that comes back until the server closes the connection: the request must ask for that."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request)
        with suppress(ConnectionResetError):  # it does not read what it does not want
            while len(answer) < 1_000_000 and (part := client.recv(65536)):
                answer += part
    return answer


def parsed(answer: bytes) -> requests.Response:
    """The first answer, as `error` takes it."""

    class Connection:
        def makefile(self, _: str) -> io.BytesIO:
            return io.BytesIO(answer)

    raw = http.client.HTTPResponse(Connection())  # type: ignore[arg-type]
    raw.begin()
    response = requests.Response()
    response.status_code = raw.status
    response.headers.update(raw.headers.items())
    response.raw = io.BytesIO(raw.read())
    return response


def ask(
    service: Service,
    method: str = "GET",
    target: str = "/",
    headers: str = "",
    body: bytes = b"",
    host: str = "127.0.0.1",
) -> requests.Response:
    """The answer to a request in which nothing is normalised. Headers are whole lines."""
    if body:
        headers += f"Content-Length: {len(body)}\r\n"
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
    return parsed(exchange(service.port, head.encode() + body))


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cconfig.properties",
        "/samples/../../config.properties",
        "/samples/%2e%2e/%2e%2e/config.properties",
        "/%252e%252e/config.properties",
        "/config.properties",
        "/.git/config",
        "/%2egit/config",
        "/.run/inference.key",
        "/../.run/inference.key",
        "/samples",
        "/samples/",
        "/models",
        "//models",
        "/%2fmodels",
        "/models/resnet18",
        "/workflows",
        "/wfpredict/x",
        "/invocations",
        "/explanations",
        "/explanations/nothing",
        "/explanations/resnet18/9.9",
        "/explanations/../models",
        "/explanations/%2e%2e/models",
        "/v1/models/resnet18:predict",
        "/v2/models/resnet18/infer",
        "/api-description",
        "/metrics",
        "/token?type=inference",
        "/predictions",
        "/predictions/",
        "/predictions/nothing",
        "/predictions/RESNET18",
        "/predictions/resnet18/9.9",
        "/predictions/resnet18/1.0/x",
        "/predictions/resnet18/1.0/..",
        "/predictions/a/b/c/d",
        "/predictions//resnet18",
        "//predictions/resnet18",
        "/./predictions/resnet18",
        "/predictions/./resnet18",
        "/predictions/../models",
        "/predictions/%2e%2e/models",
        "/predictions/..%2fmodels",
        "/predictions/..%5cmodels",
        "/predictions/%252e%252e/models",
        "/predictions/resnet18/../../models",
        "/predictions/resnet18/%2e%2e/%2e%2e/models",
        "/predictions%5cresnet18",
        "/predictions/a%20b",
        "/predictions/%00",
        "/predictions/resnet18%00",
        "/predictions/a%0d%0ab",
        "/predictions/%ff",
        "/predictions/é",
        "/predictions/%c3%a9",
        "/predictions/resnet18;x=1",
        "/predictions/" + "a" * 2000,
    ],
    ids=lambda target: target[:50],
)
def test_only_what_is_named_answers(service: Service, target: str) -> None:
    assert error(ask(service, "GET", target)) in (NOT_FOUND, NO_METHOD)
    assert error(ask(service, "POST", target, body=b"no picture")) == NOT_FOUND


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post"])
@pytest.mark.parametrize(
    "target", ["/predictions/resnet18", "/predictions/nothing/9.9", "/explanations/resnet18"]
)
def test_predictions_are_posted(service: Service, method: str, target: str) -> None:
    answer = ask(service, method, target)
    assert error(answer) == NO_METHOD
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("what", "times"),
    [("path", 8000), ("query", 8000), ("header", 9000), ("header", 100_000), ("top_k", 9000)],
)
def test_long_requests_are_answered_at_once(service: Service, what: str, times: int) -> None:
    """TorchServe refuses lines of over 4,096 bytes and headers of over 8,192 in all."""
    long = "a" * times
    answer = ask(
        service,
        "POST",
        {
            "path": f"/predictions/{long}",
            "query": f"/predictions/resnet18?a={long}",
        }.get(what, "/predictions/resnet18"),
        {"header": f"X-A: {long}\r\n", "top_k": f"X-Top-K: {long}\r\n"}.get(what, ""),
        CAT,
    )
    assert answer.status_code == 200 or 400 <= answer.status_code < 500


MALFORMED = {
    "space in the path": b"POST /predictions/a b HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "bad escape": b"POST /predictions/%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "no host": b"POST /predictions/resnet18 HTTP/1.1\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n",
    "user in the host": b"GET / HTTP/1.1\r\nHost: 127.0.0.1@evil.test\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: a\0b\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n[METRICS]\r\n",
} | {
    f"length {length.decode()}": b"POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: " + length + b"\r\n"
    for length in (b"x", b"-5", b"+5", b"0x10", b"1.5", b"5, 6", b"9" * 20, b"")
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_http(service: Service, kind: str) -> None:
    """Go's server answers before the gateway sees a request, in text."""
    answer = parsed(exchange(service.port, MALFORMED[kind] + b"Connection: close\r\n\r\nabcde"))
    assert answer.status_code == 400
    assert answer.text.startswith("400 Bad Request")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5;a\nabcde\r\n0\r\n\r\n"),
        ("Content-Length: 6000000\r\n", b"abc"),
        ("Content-Length: 9223372036854775807\r\n", b"abc"),
        ("Content-Length: 4900000\r\n", b"abc"),
        ("Content-Length: 100\r\n", b"abc"),
    ],
    ids=["no chunk", "bad chunk", "too large", "far too large", "large", "small"],
)
def test_an_unreadable_body_is_its_senders_fault(
    service: Service, headers: str, body: bytes
) -> None:
    """With 503 clients would send it again and again."""
    head = "POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall(f"{head}{headers}\r\n".encode() + body)
        client.shutdown(socket.SHUT_WR)
        answer = parsed(client.makefile("rb").read())
    assert error(answer) in (
        (400, "incomplete_body"),
        (411, "length_required"),
        (413, "body_too_large"),
    )


@pytest.mark.parametrize("target", ["http://{management}/models", "http://127.0.0.1/models"])
def test_no_proxy_for_addresses_here(service: Service, target: str) -> None:
    target = target.format(management=service.state.management[len("http://") :])
    assert error(ask(service, "GET", target)) == NOT_FOUND


@pytest.mark.parametrize("target", ["http://evil.test/", "//evil.test/", "evil.test:80"])
def test_no_proxy_for_addresses_elsewhere(service: Service, target: str) -> None:
    method = "GET" if "/" in target else "CONNECT"
    expected = NOT_FOUND if target.startswith("//") else (421, "wrong_host")
    assert error(ask(service, method, target, host="evil.test")) == (421, "wrong_host")
    assert error(ask(service, method, target)) == expected


@pytest.mark.parametrize("line", ["CONNECT {management}", "CONNECT /models", "OPTIONS *"])
def test_no_tunnel(service: Service, line: str) -> None:
    management = service.state.management[len("http://") :]
    hidden = "GET /models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    request = f"{line.format(management=management)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n{hidden}"
    _, _, after = exchange(service.port, request.encode()).partition(b"\r\n\r\n")
    # The second request is the gateway's own to answer.
    assert error(parsed(after[after.index(b"HTTP/1.1") :])) == NOT_FOUND
    assert b"Token" not in after


HIDDEN = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
LONG = b"Content-Length: %d\r\n" % len(CHUNKED)
NONE, SHORT = b"Content-Length: 0\r\n", b"Content-Length: 5\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = {
    "two lengths": (NONE + LENGTH, HIDDEN),
    "two lengths, long first": (LENGTH + NONE, HIDDEN),
    "length, chunked": (LONG + TE, CHUNKED),
    "chunked, length": (TE + LONG, CHUNKED),
    "chunked, short length": (TE + SHORT, CHUNKED),
    "xchunked": (SHORT + b"Transfer-Encoding: xchunked\r\n", CHUNKED),
    "chunked, identity": (TE + b"Transfer-Encoding: identity\r\n", CHUNKED),
    "space before the colon": (SHORT + b"Transfer-Encoding : chunked\r\n", CHUNKED),
    "vertical tab": (SHORT + b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED),
    "folded encoding": (SHORT + b"Transfer-Encoding:\r\n chunked\r\n", CHUNKED),
    "folded length": (b"X-A: b\r\n " + NONE + LENGTH, HIDDEN),
    "signed length": (b"Content-Length: +5\r\n", CHUNKED),
    "chunk extension": (TE, b'0;a="\r\n\r\n' + HIDDEN),
    "chunk extension, LF": (TE, b"0;a\n\r\n" + HIDDEN),
    "LF": (b"Content-Length: 0\n", HIDDEN),
    "CR": (b"X-A: a\r" + NONE + LENGTH, HIDDEN),
    "hop-by-hop length": (b"Connection: Content-Length\r\n" + LENGTH, HIDDEN),
    "hop-by-hop key": (b"Connection: Authorization\r\n" + LENGTH, HIDDEN),
    "upgrade": (b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + LENGTH, HIDDEN),
    "h2c": (
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n" + LENGTH,
        HIDDEN,
    ),
    "pipelined": (NONE, HIDDEN),
}


@pytest.fixture
def unwatched(service: Service) -> Iterator[Service]:
    """The supervisor asks TorchServe all the time; here it stands still meanwhile."""
    os.kill(service.state.pid, signal.SIGSTOP)
    last = counted(service)
    while (now := counted(service)) != last + 1:  # it was in the middle of a question
        last = now
    yield service
    os.kill(service.state.pid, signal.SIGCONT)


def counted(service: Service) -> int:
    """Answers of TorchServe's so far; asking for them is one."""
    text = requests.get(f"{service.state.metrics}/metrics", timeout=10).text
    return int(sum(map(float, re.findall(r"^Requests[245]XX\{.*\} (.*)$", text, re.MULTILINE))))


@pytest.mark.parametrize("kind", SMUGGLED)
def test_no_request_hides_in_another(unwatched: Service, kind: str) -> None:
    service = unwatched
    headers, body = SMUGGLED[kind]
    expected = service.predict(CAT).json()
    before = counted(service)
    head = b"POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    answer = exchange(service.port, head + headers + b"\r\n" + body)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Healthy" not in answer
    status = parsed(answer).status_code
    assert status >= 400
    assert [service.predict(CAT).json() for _ in range(3)] == [expected] * 3
    # Three predictions, the count itself, and the handler's word where a body came to it.
    assert counted(service) - before == 4 + (b"empty_body" in answer or status == 415)


ALLOWED_NAMES = ["127.0.0.1", "10.1.2.3:8000", "[::1]", "[::1]:8000", "localhost", "LocalHost:80"]


@pytest.mark.parametrize("name", ALLOWED_NAMES)
@pytest.mark.parametrize("target", ["/", "/ping", "/ready"])
def test_addresses_and_localhost_may_be_asked(service: Service, name: str, target: str) -> None:
    assert ask(service, "GET", target, host=name).status_code == 200
    if target == "/":
        assert ask(service, "POST", "/predictions/resnet18", body=CAT, host=name).ok


@pytest.mark.parametrize(
    "name",
    [
        "evil.test",
        "evil.test:8000",
        "localhost.evil.test",
        "notlocalhost",
        "a.localhost",
        "localhost,evil.test",
        "127.0.0.1.evil.test",
        "evil.test:127.0.0.1",
        "evil.test:",
        "[evil.test]",
        "[evil.test]:8000",
        "0x7f000001",
        "*",
    ],
)
def test_other_names_may_not(service: Service, name: str) -> None:
    """Of pages elsewhere whose name is given this address (DNS rebinding)."""
    for target in ("/", "/ping", "/ready", "/index.html", "/nothing"):
        assert error(ask(service, "GET", target, host=name)) == (421, "wrong_host")
    answer = ask(service, "POST", "/predictions/resnet18", body=CAT, host=name)
    assert error(answer) == (421, "wrong_host")


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


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Its own authority, for DOMAIN and this machine's address."""
    folder = tmp_path_factory.mktemp("certificate")
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


@pytest.fixture(scope="module")
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


WITH_KEY = {"Authorization": f"Bearer {KEY}"}


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
        f"bearer {KEY}",
        f"Bearer  {KEY}",
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
    holders = [path for path in files if KEY.encode() in path.read_bytes()]
    assert holders in ([], [run.path / "service.json"])
    for path in (run.path, *holders):
        assert path.stat().st_mode & 0o077 == 0


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


def test_no_answer_without_tls(guarded: Guarded) -> None:
    answer = exchange(
        guarded.service.port,
        b"GET /ping HTTP/1.1\r\nHost: pictures.test\r\nConnection: close\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"Healthy" not in answer


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
def test_a_bad_certificate_starts_nothing(
    archive: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """With the key of another; the sentence's other forms are in tests/serving/test_settings.py."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x"
    )
    files = ["-keyout", "/dev/null", "-out", str(tmp_path / "other.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    service = Service(RunDirectory(tmp_path / "run"), archive, free_port())
    names = ["--domain", DOMAIN, "--certificate", str(tmp_path / "other.pem")]
    done = service.start(*names, "--private-key", str(certificate.key))
    assert (done.returncode, done.stdout) == (1, "")
    assert "can't be used with its key" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not service.run.path.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
@pytest.mark.parametrize("domain", [None, DOMAIN])
@pytest.mark.parametrize("names", [None, "photos.test *.photos.test"])
def test_the_gateway_accepts_its_configuration(
    tmp_path: Path, host: str, domain: str | None, names: str | None
) -> None:
    """A domain without a certificate of its own: one from Let's Encrypt, which no test can get."""
    given = {"HOST": host, "DOMAIN": domain, "HOSTS": names}
    settings = Settings.of({name: text for name, text in given.items() if text})
    run = RunDirectory(tmp_path)
    addresses = {
        "INFERENCE": "127.0.0.1:8080",
        "SUPERVISOR": "127.0.0.1:8084",
        "METRICS": "http://127.0.0.1:8083",
    }
    environment = {**os.environ, **configuration(settings, run, 3, "resnet18", addresses)}
    caddy = shutil.which("caddy", path=str(Path(sys.executable).parent))
    command = [str(caddy), "validate", "--adapter", "caddyfile"]
    command += ["--config", str(ROOT / "deploy" / "gateway" / "Caddyfile")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "Valid configuration" in done.stdout
