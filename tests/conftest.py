"""The real parts, started once: an archive, TorchServe and the gateway, on free ports."""

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from client.classifier import Management, ServiceError
from scripts import ROOT
from scripts.packaging.reference import Reference, load_reference
from scripts.serving.run_directory import RunDirectory
from scripts.serving.supervisor import free_port
from tests.web_client.browser import launched

os.environ.pop("ACCESS_KEY", None)  # of another service; ours have none but in the tests of keys

SAMPLES = ROOT / "web_client" / "samples"
SHARED = ROOT.parent / "shared"
ARCHIVES = {name: ROOT / "model_store" / f"resnet18-{name}.mar" for name in ("fp32", "int8")}


@pytest.fixture(scope="session")
def archive() -> Path:
    """What `make test` has built from real weights: without them there is nothing to test."""
    assert ARCHIVES["fp32"].is_file(), "run `make archive` first (make test does)"
    return ARCHIVES["fp32"]


@pytest.fixture(scope="session")
def int8_archive() -> Path:
    assert ARCHIVES["int8"].is_file(), "run `make archive PRECISION=int8` first (make test does)"
    return ARCHIVES["int8"]


@pytest.fixture(scope="session")
def reference(archive: Path) -> Reference:
    """PyTorch with the archive's weights."""
    with zipfile.ZipFile(archive) as contents:
        card = json.loads(contents.read("model_card.json"))
    return load_reference(SHARED / "weights" / card["weights"]["file"])


@dataclass
class Service:
    """A service under test and the commands that act on it."""

    run: RunDirectory
    archive: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"scripts.{module}", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)

    def start(self, *extra: str) -> subprocess.CompletedProcess[str]:
        where = ("--run-directory", str(self.run.path), "--port", str(self.port))
        return self.command("service", "start", *where, "--archive", str(self.archive), *extra)

    def stop(self) -> subprocess.CompletedProcess[str]:
        return self.command("service", "stop", "--run-directory", str(self.run.path))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.command("manage", "--run-directory", str(self.run.path), *arguments)

    def versions(self) -> list[dict[str, Any]]:
        try:
            return Management.of(self.run).versions()
        except ServiceError:
            return []

    def worker_pids(self) -> list[int]:
        """Those of the workers that are ready; none while TorchServe is away."""
        workers = [worker for version in self.versions() for worker in version["workers"]]
        return [worker["pid"] for worker in workers if worker["status"] == "READY"]

    def child_pid(self, name: str) -> int:
        """The pid of the supervisor's child whose command line contains `name`; 0: none."""
        children = children_of(self.run.state()["pid"])
        return next((pid for pid in children if name in command_line(pid)), 0)

    def predict(self, body: bytes, **options: Any) -> requests.Response:
        options.setdefault("timeout", 60)
        return requests.post(f"{self.url}/predictions/resnet18", body, **options)


def children_of(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in text.split()]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:  # it has just ended
        return ""


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


@contextmanager
def started(archive: Path, run: Path, *extra: str) -> Iterator[Service]:
    service = Service(RunDirectory(run), archive, free_port())
    start = service.start(*extra)
    assert start.returncode == 0, start.stderr + start.stdout
    try:
        yield service
    finally:
        stop = service.stop()
    assert stop.returncode == 0, stop.stderr


@pytest.fixture(scope="session")
def service(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(archive, tmp_path_factory.mktemp("run")) as service:
        yield service


@pytest.fixture(scope="module")
def int8_service(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(int8_archive, tmp_path_factory.mktemp("run")) as service:
        yield service


@pytest.fixture
def other(archive: Path, tmp_path: Path) -> Iterator[Service]:
    """A second service, not yet started: default ports are taken, it finds others."""
    service = Service(RunDirectory(tmp_path / "run"), archive, free_port())
    yield service
    assert service.stop().returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def samples() -> list[bytes]:
    return [path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))]


@pytest.fixture(scope="session")
def labelled() -> list[tuple[Path, int]]:
    """250 ImageNet pictures and their class_id. Not part of the project."""
    table = SHARED / "images" / "labels.tsv"
    if not table.is_file() and not os.environ.get("CI"):
        pytest.skip("needs the labelled pictures beside the checkout")
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    return [(table.with_name(name), int(class_id)) for name, class_id in rows]


@dataclass(frozen=True)
class Answer:
    sent: float  # by time.monotonic()
    came: float
    outcome: object  # the status, or what went wrong


@dataclass
class Load:
    """Plain clients that retry nothing, until told to stop; every answer is counted."""

    service: Service
    pictures: list[bytes]
    clients: int = 8
    answers: list[Answer] = field(default_factory=list)
    readiness: list[tuple[float, int]] = field(default_factory=list)  # time, status of /ready

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(i,)) for i in range(self.clients)
        ]
        self._threads.append(threading.Thread(target=self._ask_for_readiness))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _client(self, number: int) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                picture = self.pictures[(number + len(self.answers)) % len(self.pictures)]
                outcome: object
                sent = time.monotonic()
                try:
                    url = f"{self.service.url}/predictions/resnet18"
                    outcome = session.post(url, picture, timeout=60).status_code
                except requests.RequestException as error:
                    outcome = repr(error)
                self.answers.append(Answer(sent, time.monotonic(), outcome))

    def _ask_for_readiness(self) -> None:
        while not self._stop.wait(0.1):
            try:
                status = requests.get(f"{self.service.url}/ready", timeout=60).status_code
            except requests.RequestException:
                status = 0
            self.readiness.append((time.monotonic(), status))

    def go_on(self, requests: int) -> None:
        """Until so many more requests were answered."""
        goal = len(self.answers) + requests
        wait_until(lambda: len(self.answers) >= goal, 60, f"{requests} more requests are answered")

    def lost(self) -> list[object]:
        return [answer.outcome for answer in self.answers if answer.outcome != 200]

    def silence(self) -> float:
        """The longest time without a good answer, in seconds."""
        came = sorted(answer.came for answer in self.answers if answer.outcome == 200)
        return max(later - earlier for earlier, later in pairwise(came))

    def report(self, fault: str) -> None:
        unready = sum(status != 200 for _, status in self.readiness)
        print(
            f"{fault}: {len(self.answers)} sent, {len(self.lost())} lost, "
            f"longest without an answer {self.silence():.1f} s, "
            f"{unready} of {len(self.readiness)} times not ready"
        )


def error(response: requests.Response) -> tuple[int, str]:
    """Status and type of an error answer, which must have the contract's form."""
    body = json.loads(response.content)
    assert response.headers["content-type"] == "application/json"
    assert set(body) == {"code", "type", "message"}
    assert body["code"] == response.status_code
    return response.status_code, body["type"]
