"""What is found before anything is started, each told in one sentence and at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.serving import beginning
from scripts.serving.beginning import Refused, check_machine
from tests.network import isolated

# Take loopback's IPv4 address away (SIOCSIFADDR, netdevice(7)), or all of it (SIOCSIFFLAGS).
NO_ADDRESS = 'fcntl.ioctl(s, 0x8916, struct.pack("16sHH4s8x", b"lo", socket.AF_INET, 0, bytes(4)))'
DOWN = 'fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0))'
WITHOUT = """
import fcntl, socket, struct, subprocess, sys
with socket.socket() as s:
    {}
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


@pytest.mark.parametrize(
    ("change", "host"),
    [(NO_ADDRESS, "::1"), (DOWN, "127.0.0.1")],
    ids=["IPv6 alone", "no loopback"],
)
def test_a_machine_that_does_not_reach_itself(
    change: str, host: str, archive: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "scripts.service", "serve", "--host", host]
    command += ["--run-directory", str(tmp_path / "run"), "--archive", str(archive)]
    done = subprocess.run(
        isolated([sys.executable, "-c", WITHOUT.format(change), *command]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "reach each other at 127.0.0.1, and here that fails" in done.stderr
    assert "ip link set lo up" in done.stderr


def test_a_checkout_that_was_unpacked_without_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "it's a python"
    script.write_bytes(beginning.WORKER_PYTHON.read_bytes())
    monkeypatch.setattr(beginning, "WORKER_PYTHON", script)
    with pytest.raises(Refused, match="may not be executed") as refused:
        check_machine()
    advice = str(refused.value).partition("Allow it: ")[2]
    subprocess.run(advice, shell=True, check=True)
    check_machine()
