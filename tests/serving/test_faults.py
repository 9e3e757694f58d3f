"""What dies or stands still behind the gateway costs plain clients nothing but time.

`pytest -s tests/serving/test_faults.py` prints for each fault the requests sent and lost, and the
longest time without an answer.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from scripts import ROOT, SAMPLES
from scripts.serving.bounds import REQUEST_BODY
from tests.archives import with_fault
from tests.service import Load, Service, children_of, error, started, wait_until

pytestmark = pytest.mark.undisturbed

CAT = (SAMPLES / "cat.jpg").read_bytes()
TORCHSERVE, GATEWAY = "org.pytorch.serve.ModelServer", "envoy"


@pytest.fixture
def load(service: Service, samples: list[bytes], request: pytest.FixtureRequest) -> Iterator[Load]:
    with Load(service, samples) as load:
        load.go_on(20)
        yield load
        load.go_on(50)
        wait_until(lambda: load.readiness[-1][1] == 200, 20, "/ready says so again")
    load.report(request.node.name)
    assert load.lost() == []
    assert load.silence() < getattr(request, "param", 5)


@pytest.fixture
def two_workers(service: Service) -> Iterator[None]:
    assert service.manage("scale", "2").returncode == 0
    yield
    assert service.manage("scale", "1").returncode == 0


def kill(service: Service, name: str) -> int:
    """Kill that child of the supervisor and wait until it is there again."""
    pid = service.child_pid(name)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.child_pid(name) not in (0, pid), 20, f"{name} is started again")
    return pid


def test_killed_worker(service: Service, load: Load) -> None:
    (pid,) = service.worker_pids()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.worker_pids() not in ([], [pid]), 20, "a new worker is ready")


def test_worker_that_dies_in_the_instant_of_a_request(service: Service) -> None:
    """TorchServe may have taken the request, and forget it."""
    for _ in range(3):
        (pid,) = service.worker_pids()
        os.kill(pid, signal.SIGKILL)
        sent = time.monotonic()
        assert service.predict(CAT).status_code == 200
        seconds = time.monotonic() - sent
        print(f"answered after {seconds:.1f} s")
        assert seconds < 25
        wait_until(lambda: len(service.worker_pids()) == 1, 10, "one worker is ready")


def test_every_worker_killed(service: Service, two_workers: None, load: Load) -> None:
    pids = service.worker_pids()
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: len(set(service.worker_pids()) - set(pids)) == 2, 20, "two new workers are ready"
    )


@pytest.mark.parametrize("load", [20], indirect=True)  # responseTimeout is 10 s
def test_stopped_worker(service: Service, load: Load) -> None:
    (pid,) = service.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    wait_until(lambda: service.worker_pids() not in ([], [pid]), 40, "a new worker is ready")
    wait_until(lambda: not psutil.pid_exists(pid), 10, "the stopped one is gone")
    assert [status for when, status in load.readiness if 0 < when - stopped < 15 and status != 200]


def test_killed_torchserve(service: Service, load: Load) -> None:
    kill(service, TORCHSERVE)
    load.go_on(20)
    assert 503 in [status for _, status in load.readiness]


def test_scaling(service: Service, load: Load) -> None:
    for workers in (2, 1):
        assert service.manage("scale", str(workers)).returncode == 0
        load.go_on(20)
        assert len(service.worker_pids()) == workers


def test_scale_outlives_torchserve(service: Service, two_workers: None, load: Load) -> None:
    kill(service, TORCHSERVE)
    load.go_on(20)
    wait_until(lambda: len(service.worker_pids()) == 2, 20, "both workers are back")


def head(length: int) -> bytes:
    """Of a prediction whose body has so many bytes."""
    line = "POST /predictions/resnet18 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return f"{line}Content-Length: {length}\r\n\r\n".encode()


def test_clients_that_leave(service: Service, load: Load) -> None:
    """Half of them in the middle of their picture, the others before its answer."""
    for i in range(60):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
            client.sendall(head(len(CAT)) + CAT[: len(CAT) // (1 + i % 2)])


def test_slow_and_silent_clients(service: Service, load: Load) -> None:
    """128 that send nothing, 300 that send a picture byte by byte: of 4.9 MB, or of 400 kB.

    Half of them are more than are read at once; pictures of up to 500 kB have no part in that.
    """
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=10))
            for _ in range(428)
        ]
        slow = clients[128:]
        for i, client in enumerate(slow):
            client.sendall(head((4_900_000, 400_000)[i % 2]))
        for _ in range(20):
            for client in slow:
                client.sendall(b"\xff")
            load.go_on(5)


def test_slow_uploads_leave_room_for_others(service: Service) -> None:
    """40 that stop in the middle of a large picture hold places, but not the memory for others'."""
    with ExitStack() as stack:
        for _ in range(40):
            address = ("127.0.0.1", service.port)
            client = stack.enter_context(socket.create_connection(address, timeout=10))
            client.sendall(head(4_000_000) + b"\xff")
        began = time.monotonic()
        assert service.predict(CAT + bytes(600_000)).status_code == 200
    seconds = time.monotonic() - began
    print(f"a large picture beside 40 slow ones: {seconds:.1f} s")
    assert seconds < REQUEST_BODY / 2


def test_killed_gateway(service: Service, tmp_path: Path) -> None:
    """The one fault that plain clients see: the bundled one tries again."""
    for i in range(60):
        shutil.copyfile(SAMPLES / "coffee.jpg", tmp_path / f"{i:02d}.jpg")
    command = [sys.executable, "scripts/classify.py", "--url", service.url, "--json", str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, text=True) as client:
        assert client.stdout
        lines = [client.stdout.readline()]
        kill(service, GATEWAY)
        lines += client.stdout.readlines()
    assert client.returncode == 0
    assert len([line for line in lines if json.loads(line)["items"][0]["class"]]) == 60


@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=str)
def test_stop_under_load(
    other: Service, samples: list[bytes], number: signal.Signals | None
) -> None:
    """By `make stop`, or by a signal to every process at once, as systemd and containers do it."""
    assert other.start().returncode == 0
    supervisor = other.state.pid
    pids = [supervisor, *children_of(supervisor), *other.worker_pids()]
    with Load(other, samples) as load:
        load.go_on(30)
        stopped = time.monotonic()
        if number is None:
            assert other.stop().returncode == 0
        else:
            for pid in reversed(pids):
                os.kill(pid, number)
            wait_until(lambda: not other.run.is_running(), 30, "it has stopped")
        seconds = time.monotonic() - stopped
    in_flight = [answer for answer in load.answers if answer.sent < stopped < answer.came]
    print(f"stopped in {seconds:.1f} s, {len(in_flight)} in flight")
    assert seconds < 15
    assert {answer.outcome for answer in load.answers if answer.sent < stopped} == {200}
    assert in_flight
    # Who comes later is not let in: no error but that of the connection.
    later = {answer.outcome for answer in load.answers if answer.sent >= stopped + 1}
    assert 200 not in later
    wait_until(lambda: not [pid for pid in pids if psutil.pid_exists(pid)], 5, "all have ended")


def test_torchserve_that_is_killed_again_and_again(other: Service) -> None:
    with other.serve() as serve:
        wait_until(other.is_ready, 60, "it is ready")
        killed: set[int] = set()

        def ended() -> bool:
            pid = 0 if serve.poll() is not None else other.child_pid(TORCHSERVE)
            if pid and pid not in killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            return serve.poll() is not None

        wait_until(ended, 60, "serve gives up")
        _, sentence = serve.communicate(timeout=10)
    assert serve.returncode == 1
    assert len(killed) == 5
    assert len(sentence.splitlines()) == 1
    said = other.manage("status").stderr
    assert "The service is not running (it failed at 2" in said
    assert "TorchServe ended 5 times" in said
    assert str(other.run.logs / "torchserve.out") in said
    with pytest.raises(requests.ConnectionError):
        other.predict(CAT)


DEADLY = b"kill the worker"


@pytest.fixture(scope="module")
def deadly_archive(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests alone: the archive, but a picture that ends with DEADLY kills its worker."""
    path = tmp_path_factory.mktemp("deadly") / "resnet18-fp32.mar"
    return with_fault(archive, path, DEADLY, "import os; os.kill(os.getpid(), 9)")


@pytest.mark.started
def test_a_picture_that_kills_its_worker(
    deadly_archive: Path, samples: list[bytes], tmp_path: Path
) -> None:
    with started(deadly_archive, tmp_path / "run") as service:
        torchserve = service.child_pid(TORCHSERVE)
        with Load(service, samples) as load:
            load.go_on(20)
            # A form's boundary is new each time: it is the picture that is known again.
            for packing in ({"data": CAT + DEADLY}, {"files": {"data": CAT + DEADLY}}):
                workers, sent = service.worker_pids(), time.monotonic()
                answer = requests.post(f"{service.url}/predictions/resnet18", **packing, timeout=60)
                assert error(answer) == (422, "corrupt_picture")
                print(f"refused after {time.monotonic() - sent:.1f} s")
                load.go_on(20)
        assert service.worker_pids() == workers  # the second time it was known
        load.report("a picture that kills its worker")
        assert load.lost() == []
        assert load.silence() < 5
        assert service.child_pid(TORCHSERVE) == torchserve
