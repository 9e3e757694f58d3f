"""What the demo that this project grew from promised, each with its figures: pytest -s."""

import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image, ImageEnhance, ImageOps

from scripts import ROOT, SAMPLES
from tests.deploy.test_contract import burst
from tests.network import isolated
from tests.service import Service, wait_until

pytestmark = pytest.mark.undisturbed

CAT = (SAMPLES / "cat.jpg").read_bytes()


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "mirrored": lambda data: jpeg(ImageOps.mirror(Image.open(io.BytesIO(data)))),
    "darker": lambda data: jpeg(ImageEnhance.Brightness(Image.open(io.BytesIO(data))).enhance(0.7)),
    "half as large": lambda data: jpeg(ImageOps.scale(Image.open(io.BytesIO(data)), 0.5)),
}


@pytest.mark.long
@pytest.mark.started
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_thousand_pictures_in_a_row(
    precision: str, request: pytest.FixtureRequest, labelled: list[tuple[Path, int]]
) -> None:
    service: Service = request.getfixturevalue("service" if precision == "fp32" else "int8_service")
    pictures = [vary(path.read_bytes()) for path, _ in labelled for vary in VARIANTS.values()]
    assert len(set(pictures)) == 1000
    milliseconds = []
    with requests.Session() as session:
        for picture in pictures:
            start = time.perf_counter()
            answer = session.post(f"{service.url}/predictions/resnet18", picture, timeout=60)
            milliseconds.append((time.perf_counter() - start) * 1e3)
            assert answer.status_code == 200
            assert len(answer.json()) == 3
    print(
        f"{precision}: 1,000 pictures, all answered, median {statistics.median(milliseconds):.0f} "
        f"ms, slowest {max(milliseconds):.0f} ms"
    )
    assert max(milliseconds) < 2000


def test_twenty_users_at_once(service: Service) -> None:
    start = time.perf_counter()
    assert {answer.status_code for answer in burst(service, 20)} == {200}
    seconds = time.perf_counter() - start
    print(f"20 at once, all answered, the last after {seconds * 1e3:.0f} ms")
    assert seconds < 5


@pytest.fixture
def three_workers(service: Service) -> Iterator[None]:
    assert service.manage("scale", "3").returncode == 0
    yield
    assert service.manage("scale", "1").returncode == 0


def test_the_same_answer_from_every_worker_and_after_a_restart(
    service: Service, other: Service, three_workers: None
) -> None:
    expected = service.predict(CAT).content
    answers = [answer.content for answer in burst(service, 60)]
    pids = service.worker_pids()
    assert len(pids) == 3
    assert set(answers) == {expected}
    for pid in pids:
        os.kill(pid, 9)
    wait_until(lambda: set(service.worker_pids()).isdisjoint(pids), 30, "new workers are ready")
    assert service.predict(CAT).content == expected
    assert other.start().returncode == 0
    assert other.predict(CAT).content == expected


@pytest.mark.started
def test_works_without_a_network(archive: Path, tmp_path: Path) -> None:
    python = sys.executable
    where = f"--run-directory {tmp_path / 'run'}"
    url = "http://127.0.0.1:8000"  # free: the namespace has all ports to itself
    script = (
        f"set -e; {python} -m scripts.service start {where} --archive {archive};"
        f"{python} scripts/classify.py --url {url} {SAMPLES};"
        f"{python} -m scripts.manage {where} status;"
        f"{python} -m scripts.service stop {where}"
    )
    done = subprocess.run(
        isolated(["sh", "-c", script]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ready: http://127.0.0.1:8000" in done.stdout
    assert "Egyptian cat" in done.stdout
