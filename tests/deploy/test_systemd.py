"""The unit: systemd's own judgement of it, and its command in the surroundings that it promises."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.serving import bounds
from scripts.serving.notify import notify
from tests.service import Service

UNIT = ROOT / "deploy" / "systemd" / "resnet18.service"
PLACE = "/srv/classification"  # where it expects the checkout
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def settings() -> dict[str, str]:
    """Of the unit, by name; of what it names twice the last."""
    lines = re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    return dict(lines)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """As the document says, for a checkout at a path without spaces: here a link to this one."""
    checkout = tmp_path / "checkout"
    checkout.symlink_to(ROOT)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(PLACE, str(checkout)), "utf-8")
    return unit


@needs_systemd
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", installed],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_judges_it_well_confined(installed: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", installed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_waits_longer_than_the_supervisor() -> None:
    unit = settings()
    assert float(unit["TimeoutStartSec"]) > bounds.READY + bounds.SERVICE_STOP
    assert float(unit["TimeoutStopSec"]) > bounds.SERVICE_STOP
    assert int(unit["LimitNOFILE"]) > 2 * bounds.CONNECTIONS
    # What can't start is given up, and not started for ever.
    tries = int(unit["StartLimitBurst"])
    assert float(unit["StartLimitIntervalSec"]) > tries * float(unit["RestartSec"])


@pytest.mark.parametrize("name", ["{}/notify", "@{}"])
def test_what_systemd_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a file or, as in containers, at a name without one."""
    name = name.format(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify("ready")  # nobody listens
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(10)
        for status in ("starting", "ready", "stopping", "stopped"):
            notify(status)
        assert [manager.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(100)


@pytest.mark.started
def test_its_command(other: Service, archive: Path) -> None:
    """By hand, as systemd would: READY=1 when it answers, SIGTERM, and status 0."""
    python, *words = shlex.split(settings()["ExecStart"])
    assert python == f"{PLACE}/.venv/bin/python"
    run = other.run.path
    command = [sys.executable, *(word.replace("%S/resnet18", str(run)) for word in words)]
    socket_path = run.parent / "notify"
    environment = {
        "PATH": os.defpath,
        "LANG": "C",
        "NOTIFY_SOCKET": str(socket_path),
        "PYTHONUTF8": "1",
        "PORT": str(other.port),
        "ARCHIVE": str(archive),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(socket_path))
        manager.settimeout(bounds.READY)
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            umask=int(settings()["UMask"], 8),
        ) as process:
            try:
                assert manager.recv(100) == b"READY=1"
                assert other.predict(b"").status_code == 400
                process.terminate()
                assert manager.recv(100) == b"STOPPING=1"
                assert process.wait(bounds.SERVICE_STOP) == 0
            finally:
                process.kill()
