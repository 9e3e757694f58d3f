"""Processes that are kept running, and what ends them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scripts.serving.bounds import MAX_DEATHS, NOTHING_SUCCEEDED, READY
from scripts.serving.process import STOPPING, GaveUp, Process, birth, kill_leftovers
from scripts.serving.readiness import end_stuck


def sleeper(folder: Path, *command: str) -> Process:
    return Process(
        "sleep", list(command or ("sleep", "60")), {**os.environ}, folder, folder / "log"
    )


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from scripts.serving.process import Process\n"
        "p = Process('x', ['sleep', '60'], dict(os.environ), Path('.'), Path(sys.argv[1]))\n"
        "asyncio.run(p.start()); print(p.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    child = int(done.stdout)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(child).wait(5)
    assert not psutil.pid_exists(child)


def pending(pid: int) -> set[int]:
    """Signals that the process has blocked, and was sent."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (int(line.split()[1], 16) for line in status if line.startswith("ShdPnd"))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_what_asks_the_service_to_stop_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    async def run() -> bool:
        process = sleeper(tmp_path)
        await process.start()
        assert process.pid
        for number in STOPPING:
            os.kill(process.pid, number)
        assert pending(process.pid) == set(STOPPING)
        lives = psutil.pid_exists(process.pid)
        await process.stop_now()
        return lives

    assert asyncio.run(run())
    assert not set(STOPPING) & signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_who_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    async def keep() -> None:
        process = sleeper(tmp_path, "false")
        for _ in range(MAX_DEATHS):
            await process.start()
            await process.ended()

    with pytest.raises(GaveUp, match=f"ended {MAX_DEATHS} times .* exit status 1"):
        asyncio.run(keep())


@pytest.mark.parametrize(
    ("started_before", "succeeded_before", "ends"),
    [
        (10, 5, False),  # all is well
        (NOTHING_SUCCEEDED + 10, NOTHING_SUCCEEDED + 1, True),
        (NOTHING_SUCCEEDED + 10, NOTHING_SUCCEEDED - 1, False),
        (NOTHING_SUCCEEDED + 1, NOTHING_SUCCEEDED + 10, False),  # it is still loading
        (READY + 1, READY + 10, True),
        (READY + 1, float("inf"), True),
    ],
)
def test_what_has_not_worked_for_too_long_is_ended(
    tmp_path: Path, started_before: float, succeeded_before: float, ends: bool
) -> None:
    async def run() -> bool:
        process = sleeper(tmp_path)
        await process.start()
        pid = process.pid
        assert pid
        now = time.monotonic()
        process.started = now - started_before
        end_stuck(process, now - succeeded_before, "it did nothing")
        if ends:
            await asyncio.wait_for(process.ended(), 5)
        has_ended = not psutil.pid_exists(pid)
        await process.stop_now()
        return has_ended

    assert asyncio.run(run()) == ends


def test_leftovers_are_told_from_later_processes_with_their_pid() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        born = birth(process.pid)
        assert born
        kill_leftovers({str(process.pid): "1"})
        assert process.poll() is None
        kill_leftovers({str(process.pid): born})
        assert process.wait(5) == -9
    assert birth(process.pid) is None
