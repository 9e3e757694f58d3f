"""/ready is the supervisor's word, whatever the load; what is broken is started anew.

SECONDS_OF_READINESS: how long the first test asks (make test: 8; the promise: 60).
"""

import os
import shutil
import signal
import time

import pytest
import requests

from scripts.serving.bounds import NOTHING_SUCCEEDED, READY
from scripts.serving.readiness import overdue
from tests.service import Load, Service, wait_until

pytestmark = pytest.mark.undisturbed


def ask(service: Service) -> tuple[int, float]:
    """Status, and the seconds that the answer took."""
    asked = time.monotonic()
    status = requests.get(f"{service.url}/ready", timeout=30).status_code
    return status, time.monotonic() - asked


def test_load_neither_flips_nor_slows_it(service: Service, samples: list[bytes]) -> None:
    seconds = float(os.environ.get("SECONDS_OF_READINESS", "8"))
    answers = []
    with Load(service, samples, clients=256) as load:
        load.go_on(20)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            asked = time.monotonic()
            answers.append(ask(service))
            time.sleep(max(0.0, asked + 0.2 - time.monotonic()))  # five times a second
    slowest = max(took for _, took in answers)
    print(
        f"{len(load.answers)} predictions, asked {len(answers)} times, "
        f"slowest {slowest * 1e3:.0f} ms"
    )
    assert {status for status, _ in answers} == {200}
    assert slowest < 2
    assert load.lost() == []


@pytest.mark.long  # test_faults.py has it under traffic
def test_a_stopped_worker_turns_it_and_is_replaced(service: Service) -> None:
    """With no request but the supervisor's own."""
    (pid,) = service.worker_pids()
    stopped = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: ask(service)[0] != 200, 15, "/ready says no")
    print(f"not ready after {time.monotonic() - stopped:.1f} s")
    wait_until(lambda: ask(service)[0] == 200, 20, "/ready says yes again")
    print(f"ready again after {time.monotonic() - stopped:.1f} s")
    assert service.worker_pids() not in ([], [pid])


@pytest.mark.long
@pytest.mark.parametrize("what", ["TorchServe", "the gateway"])
def test_what_hangs_is_started_anew(other: Service, what: str) -> None:
    assert other.start().returncode == 0
    name = {"TorchServe": "ModelServer", "the gateway": "envoy"}[what]
    pid = other.child_pid(name)
    os.kill(pid, signal.SIGSTOP)
    seconds = NOTHING_SUCCEEDED + 30
    wait_until(lambda: other.child_pid(name) not in (0, pid), seconds, f"{what} is started anew")
    wait_until(lambda: ask(other)[0] == 200, 20, "/ready says so")
    assert f"{what} answered" in (other.run.logs / "supervisor.log").read_text()


@pytest.mark.long
def test_a_folder_that_was_emptied_is_no_end(other: Service) -> None:
    """As a cleaner of old files does with a folder for temporary files."""
    assert other.start().returncode == 0
    shutil.rmtree(other.run.scratch)
    for pid in other.worker_pids():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: ask(other)[0] != 200, 15, "/ready says no")
    wait_until(lambda: ask(other)[0] == 200, NOTHING_SUCCEEDED + 40, "/ready says yes again")


def test_what_is_overdue() -> None:
    """After its last success, or while it loads, which takes longer."""
    now = time.monotonic()
    assert overdue(now - 1000, now - NOTHING_SUCCEEDED + 5) is None
    assert overdue(now - 1000, now - NOTHING_SUCCEEDED - 5) == NOTHING_SUCCEEDED
    assert overdue(now - READY + 5, now - 1000) is None
    assert overdue(now - READY - 5, float("-inf")) == READY
