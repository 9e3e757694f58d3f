"""A service under test: the real commands, on free ports; clients that forgive nothing."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import requests

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving.archives import MODEL_STORE, model_of
from scripts.serving.management import Management, Version
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory, State

SHARED = ROOT.parent / "shared"
ARCHIVES = {name: ROOT / "model_store" / f"resnet18-{name}.mar" for name in ("fp32", "int8")}


@dataclass
class Service:
    """A service under test and the commands that act on it."""

    run: RunDirectory
    archive: Path
    port: int
    models: str | None = None  # None: its archive's alone, whatever lies beside it
    may_start: ClassVar[bool] = True  # in this test: see conftest.py
    # Beside another test process each worker has one thread: threads that wait for each other spin.
    threads: ClassVar[str | None] = "1" if "PYTEST_XDIST_WORKER" in os.environ else None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> State:
        state = self.run.state()
        assert state
        return state

    def command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"scripts.{module}", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)

    def start(self, *extra: str) -> subprocess.CompletedProcess[str]:
        assert self.may_start, "mark the test: @pytest.mark.started"
        options = ["--run-directory", str(self.run.path), "--port", str(self.port)]
        options += ["--threads", self.threads] if self.threads else []
        return self.command("service", "start", *options, *self._served(), *extra)

    def _served(self) -> list[str]:
        """What else lies in the checkout's model store is the user's own."""
        models = self.models
        if models is None and self.archive.parent == MODEL_STORE:
            models = model_of(self.archive).name
        return ["--archive", str(self.archive), *(["--models", models] if models else [])]

    def serve(self, *wrapper: str) -> subprocess.Popen[str]:
        """In the foreground. wrapper: a command that runs it."""
        assert self.may_start, "mark the test: @pytest.mark.started"
        command = [*wrapper, sys.executable, "-m", "scripts.service", "serve"]
        where = ["--run-directory", str(self.run.path), "--port", str(self.port)]
        return subprocess.Popen(
            [*command, *where, *self._served()],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> subprocess.CompletedProcess[str]:
        return self.command("service", "stop", "--run-directory", str(self.run.path))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.command("manage", "--run-directory", str(self.run.path), *arguments)

    def is_ready(self) -> bool:
        state = self.run.state()
        return state is not None and state.status == "ready"

    def versions(self, model: str = "resnet18") -> list[Version]:
        try:
            return Management.of(self.run, model).versions()
        except ServiceError:
            return []

    def worker_pids(self, model: str = "resnet18") -> list[int]:
        """Those of its workers that are ready; none while TorchServe is away."""
        workers = [worker for version in self.versions(model) for worker in version["workers"]]
        return [worker["pid"] for worker in workers if worker["status"] == "READY"]

    def targets(self, job: str) -> list[str]:
        """Where Prometheus finds the metrics of that job."""
        written = json.loads(self.run.targets.read_text())
        return [one["targets"][0] for one in written if one["labels"]["job"] == job]

    def child_pid(self, name: str) -> int:
        """The pid of the supervisor's child whose command line contains `name`; 0: none."""
        children = children_of(self.state.pid)
        return next((pid for pid in children if name in command_line(pid)), 0)

    def predict(self, body: bytes, model: str = "resnet18", **options: Any) -> requests.Response:
        options.setdefault("timeout", 60)
        return requests.post(f"{self.url}/predictions/{model}", body, **options)


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
    models: tuple[str, ...] = ("resnet18",)  # the clients ask one after the other
    access_key: str | None = None
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
            if self.access_key:
                session.headers["Authorization"] = f"Bearer {self.access_key}"
            while not self._stop.is_set():
                model = self.models[(number + len(self.answers)) % len(self.models)]
                picture = self.pictures[(number + len(self.answers)) % len(self.pictures)]
                outcome: object
                sent = time.monotonic()
                try:
                    url = f"{self.service.url}/predictions/{model}"
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
