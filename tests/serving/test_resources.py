"""Memory and disk: what is bounded, and what happens where there is none left."""

import io
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from scripts import SAMPLES
from tests.service import Service, started, wait_until

pytestmark = pytest.mark.undisturbed

CAT = (SAMPLES / "cat.jpg").read_bytes()
TORCHSERVE, GATEWAY = "org.pytorch.serve.ModelServer", "envoy"


def noise() -> bytes:
    """A picture that nothing compresses: 4.9 MB."""
    pixels = np.random.default_rng(0).integers(0, 256, (1270, 1286, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert 4_850_000 < len(file.getvalue()) <= 5_000_000
    return file.getvalue()


@pytest.mark.parametrize("clients", [20, pytest.param(256, marks=pytest.mark.long)])
def test_large_pictures(service: Service, clients: int) -> None:
    torchserve, picture = service.child_pid(TORCHSERVE), noise()
    supervisor = psutil.Process(service.state.pid)
    end = time.monotonic() + float(os.environ.get("SECONDS_OF_LARGE_PICTURES", "6"))
    statuses: Counter[int] = Counter()
    peak = 0.0

    def client(_: int) -> None:
        while time.monotonic() < end:
            statuses[service.predict(picture, timeout=100).status_code] += 1

    with ThreadPoolExecutor(clients) as pool:
        done = pool.map(client, range(clients))
        while time.monotonic() < end:
            processes = [supervisor, *supervisor.children(recursive=True)]
            peak = max(peak, sum(process.memory_full_info().pss for process in processes) / 1e6)
            time.sleep(0.2)
        list(done)
    print(f"{clients} clients with pictures of 4.9 MB: {dict(statuses)}, peak {peak:.0f} MB")
    assert set(statuses) <= {200, 429}
    assert statuses[200] >= clients if clients == 20 else statuses[200] > 0
    assert service.child_pid(TORCHSERVE) == torchserve
    assert peak < 1400
    assert service.predict(CAT).status_code == 200


@pytest.mark.started
def test_ordinary_pictures(int8_archive: Path, tmp_path: Path, samples: list[bytes]) -> None:
    """20 clients; docs/reliability.md has what the memory is for."""
    with started(int8_archive, tmp_path) as service:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(service.predict, samples * 20))
        supervisor = psutil.Process(service.state.pid)
        processes = [supervisor, *supervisor.children()]
        processes.append(psutil.Process(service.worker_pids()[0]))  # not who writes a class archive
        took = sum(process.memory_full_info().pss for process in processes) / 1e6
    print(f"{len(answers)} pictures, then {took:.0f} MB")
    assert {answer.status_code for answer in answers} == {200}
    assert took < 380


def test_full_disk_for_logs(other: Service) -> None:
    other.run.create()
    for name in ("gateway", "worker", "torchserve"):
        (other.run.logs / f"{name}.log").symlink_to("/dev/full")
    assert other.start().returncode == 0
    assert other.predict(b"no picture").status_code == 415
    os.kill(other.worker_pids()[0], signal.SIGKILL)  # that is logged
    assert other.predict(CAT).status_code == 200
    # Its own prediction may have met the dead worker, and comes again.
    wait_until(lambda: requests.get(f"{other.url}/ready", timeout=20).ok, 10, "it is ready")


def test_logs_are_bounded(other: Service) -> None:
    """One that is full is put aside, and of these two are kept; both processes log their start."""
    limit = 10 << 20
    other.run.create()
    for log in ("worker", "gateway", "access"):
        for name in (f"{log}.log", f"{log}.1.log", f"{log}.2.log"):
            (other.run.logs / name).write_bytes(name.encode() * (limit // 5))
    assert other.start("--access-log").returncode == 0
    assert other.predict(CAT).status_code == 200
    sizes = {path.name: path.stat().st_size for path in other.run.logs.iterdir()}
    print(sizes)
    for log in ("worker", "gateway", "access"):
        assert {name for name in sizes if name.startswith(f"{log}.") and name.endswith("log")} == {
            f"{log}.log",
            f"{log}.1.log",
            f"{log}.2.log",
        }
        assert sizes[f"{log}.log"] < limit / 2
        text = b"".join((other.run.logs / f"{log}.{i}.log").read_bytes()[:12] for i in (1, 2))
        assert f"{log}.log".encode() in text  # what was full is kept
    # And while it runs.
    access = other.run.logs / "access.log"
    with access.open("ab") as log_file:
        log_file.write(b"x" * limit)
    wait_until(lambda: access.stat().st_size < limit / 2, 10, "it is put aside")
    assert other.predict(CAT, headers={"X-Request-Id": "afterwards"}).status_code == 200
    wait_until(lambda: "afterwards" in access.read_text(), 5, "it is written to the new one")
