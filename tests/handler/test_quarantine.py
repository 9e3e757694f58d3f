"""Which pictures are worked on alone and which are refused, as workers die for real."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handler.quarantine import NO_PICTURE, Quarantine, digest
from scripts import ROOT

A, B, C = (digest(name) for name in (b"a", b"b", b"c"))


def die(directory: Path, batch: list[bytes], end: str = "os.kill(os.getpid(), 9)") -> None:
    """A worker that sorts a batch and ends during the first group's work, by default killed."""
    script = f"""
import os, sys
from pathlib import Path
from handler.quarantine import Quarantine
quarantine = Quarantine(Path(sys.argv[1]))
batch = [bytes.fromhex(text) for text in sys.argv[2:]]
groups, _ = quarantine.groups(batch)
with quarantine.at_work([batch[i] for i in groups[0]]):
    {end}
"""
    arguments = [str(directory), *(digest.hex() for digest in batch)]
    command = [sys.executable, "-c", script, *arguments]
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=60)


def test_nothing_happened(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    assert quarantine.groups([A, B, A]) == ([[0, 1, 2]], [])
    with quarantine.at_work([A, B, A]):
        pass
    assert Quarantine(tmp_path).groups([A]) == ([[0]], [])


def test_a_batch_that_killed_is_taken_apart(tmp_path: Path) -> None:
    die(tmp_path, [A, B])
    quarantine = Quarantine(tmp_path)
    assert quarantine.groups([A, C, B]) == ([[1], [0], [2]], [])
    assert quarantine.groups([C]) == ([[0]], [])


def test_an_answered_suspect_is_cleared(tmp_path: Path) -> None:
    die(tmp_path, [A, B])
    quarantine = Quarantine(tmp_path)
    quarantine.groups([A])
    with quarantine.at_work([A]):
        pass
    assert quarantine.groups([A, C, B]) == ([[0, 1], [2]], [])


def test_the_second_death_alone_condemns(tmp_path: Path) -> None:
    die(tmp_path, [A])
    assert Quarantine(tmp_path).groups([A, B]) == ([[1], [0]], [])
    die(tmp_path, [A])
    assert Quarantine(tmp_path).groups([A, B]) == ([[1]], [0])
    assert Quarantine(tmp_path).groups([A]) == ([], [0])


def test_a_suspect_among_others_is_no_proof(tmp_path: Path) -> None:
    die(tmp_path, [A, B])
    die(tmp_path, [C, A])  # in its first group: C
    assert Quarantine(tmp_path).groups([A, B, C]) == ([[0], [1], [2]], [])


def test_two_workers_that_die_at_once_are_no_proof(tmp_path: Path) -> None:
    other = "other = Quarantine(Path(sys.argv[1])); other.groups([batch[0]])"
    die(tmp_path, [A], f"{other}\n    with other.at_work([batch[0]]): os.kill(os.getpid(), 9)")
    assert len(list(tmp_path.glob("*.work"))) == 2
    assert Quarantine(tmp_path).groups([A, B]) == ([[1], [0]], [])


def test_the_first_late_death_is_no_proof(tmp_path: Path) -> None:
    """TorchServe ends a worker that is slow, as on an overloaded machine."""
    die(tmp_path, [A])
    for outcome in (([[1], [0]], []), ([[1]], [0])):
        die(tmp_path, [A])
        for work in tmp_path.glob("*.work"):
            os.utime(work, (0, 0))
        assert Quarantine(tmp_path).groups([A, B]) == outcome


def test_a_clock_that_is_put_right_makes_nobody_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(tmp_path, [A])
    assert Quarantine(tmp_path).groups([A, B]) == ([[1], [0]], [])
    die(tmp_path, [A])
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert Quarantine(tmp_path).groups([A, B]) == ([[1]], [0])


def test_a_batch_is_late_since_it_began(tmp_path: Path) -> None:
    die(tmp_path, [A])
    quarantine = Quarantine(tmp_path)
    assert quarantine.groups([A, B]) == ([[1], [0]], [])
    began = time.monotonic()
    with quarantine.at_work([B]):
        pass
    with quarantine.at_work([A]):
        [work] = tmp_path.glob("*.work")
        assert began - 5 < work.stat().st_mtime <= began


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise MemoryError"])
def test_an_orderly_end_leaves_no_suspects(tmp_path: Path, end: str) -> None:
    die(tmp_path, [A, B], end)
    assert Quarantine(tmp_path).groups([A, B]) == ([[0, 1]], [])


def test_a_living_worker_is_left_alone(tmp_path: Path) -> None:
    first, second = Quarantine(tmp_path), Quarantine(tmp_path)
    with first.at_work([A]):
        assert second.groups([A, B]) == ([[0, 1]], [])


def test_a_stopped_worker_is_no_dead_one(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from handler.quarantine import Quarantine\n"
        "with Quarantine(Path(sys.argv[1])).at_work([bytes.fromhex(sys.argv[2])]):\n"
        "    print('at work', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path), A.hex()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"at work\n"
        os.kill(worker.pid, signal.SIGSTOP)
        assert Quarantine(tmp_path).groups([A]) == ([[0]], [])
        os.kill(worker.pid, signal.SIGKILL)
    assert Quarantine(tmp_path).groups([A, B]) == ([[1], [0]], [])


def test_requests_without_a_picture_are_never_suspected(tmp_path: Path) -> None:
    assert digest(b"") == NO_PICTURE
    for _ in range(2):
        die(tmp_path, [NO_PICTURE])
    assert Quarantine(tmp_path).groups([NO_PICTURE]) == ([[0]], [])
