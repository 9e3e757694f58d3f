"""Machines as people have them: their environment, disks, limits and terminals."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from client.http import session
from scripts import ROOT, SAMPLES
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from tests.network import isolated
from tests.service import Service, children_of, wait_until

CAT = (SAMPLES / "cat.jpg").read_bytes()
DEAD = "http://127.0.0.1:9"  # nobody listens there

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
ENVIRONMENTS = {
    "proxies": dict.fromkeys(PROXIES, DEAD),
    "no UTF-8": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Java's": {
        "JAVA_HOME": "/nothing",
        **dict.fromkeys(("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"), "-XX:Nothing"),
    },
    "TorchServe's": {
        "TS_CONFIG_FILE": "/nothing",
        "TS_INFERENCE_ADDRESS": "http://192.0.2.1:1",
        "TS_NUMBER_OF_GPU": "9",
        "LOG_LOCATION": "/nothing",
        "TEMP": "/nothing",
    },
    "Python's": {"PYTHONPATH": "/nothing", "PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "x"},
}
# What serves, as it is unpacked from an archive of the checkout: without git.
SOURCES = ("client", "deploy", "handler", "scripts", "web_client", "config.properties", "Makefile")
# In a network of its own. $1: the checkout; then a command.
SCRIPT = """
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || :  # where one may not, there is IPv6 as well
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
umask 077
cd "$1"
shift
exec unshare --user --map-user=54321 --map-group=54321 "$@"
"""
# As that user. $1: the archive, $2: the run directory.
COMMANDS = """
set -e
! touch x 2> /dev/null  # nobody writes here
make help > /dev/null
.venv/bin/python -m scripts.service start --archive "$1" --run-directory "$2"
.venv/bin/python -m scripts.manage --run-directory "$2" status > /dev/null
metrics=$(grep -o '127[0-9.:]*' "$2/prometheus-targets.json" | tail -1)
curl -sS --noproxy '*' --fail "http://$metrics/metrics" | grep '^service_version_info'
.venv/bin/python -m scripts.classify --run-directory "$2" web_client/samples/cat.jpg
.venv/bin/python -m scripts.trace --run-directory "$2" > /dev/null
.venv/bin/python -m scripts.service stop --run-directory "$2"
"""


@pytest.mark.started
def test_a_stranger_s_machine(int8_archive: Path, tmp_path: Path) -> None:
    """All at once: a user whom the system does not know, without a home, in a read-only checkout,
    in folders whose names have letters that mean something to others, with all others' settings.
    """
    odd = tmp_path / """it's a 测试 "d" $x %d {y} üñ"""
    checkout = odd / "checkout"
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, checkout / name)
    (checkout / "deploy" / "worker" / "python").chmod(0o755)
    (checkout / ".venv").symlink_to(sys.prefix)
    archive = shutil.copyfile(int8_archive, odd / "my 模型.mar")
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(odd)}
    for others in ENVIRONMENTS.values():
        environment |= others
    words = [f"{name}={value}" for name, value in environment.items()]
    inside = ["env", "-i", *words, "sh", "-c", COMMANDS, "sh", str(archive), str(odd / "run")]
    command = isolated(["sh", "-ec", SCRIPT, "sh", str(checkout), *inside], has_mounts=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert (done.returncode, done.stderr) == (0, "")
    ready, version, picture, *answers, stopped = done.stdout.splitlines()
    assert ready == "Ready: http://127.0.0.1:8000"
    assert 'archive="my 模型.mar"' in version
    assert picture == "web_client/samples/cat.jpg"
    assert "Egyptian cat" in answers[0]
    assert stopped == "Stopped"


def test_no_proxy_leads_to_this_machine() -> None:
    """A service on one of its networks' addresses asks itself, too."""
    families = {socket.AF_INET: "http://{}:1", socket.AF_INET6: "http://[{}]:1"}
    here = [
        families[one.family].format(one.address)
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family in families and "%" not in one.address
    ]
    assert "http://127.0.0.1:1" in here
    for url in [*here, "http://localhost:1", "http://0.0.0.0:1"]:
        assert not session(url).trust_env, url
    for url in ["http://203.0.113.7", "http://pictures.test", "http://[2001:db8::1]"]:
        assert session(url).trust_env, url


def in_a_namespace(script: str, run: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A start after a shell's script in a mount namespace of its own. $1: where the service is."""
    run.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("mounting a file system needs more rights")
    start = [sys.executable, "-m", "scripts.service", "start", "--run-directory", str(run)]
    command = ["unshare", "-m", "sh", "-ec", f'{script}; shift; exec "$@"', "sh", str(run), *start]
    return subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=150)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ('mount -t tmpfs -o size=1m none "$1"', "MB of disk space in {run}, and there is less"),
        ('mount --bind -o ro "$1" "$1"', "Read-only file system. The service keeps its files in"),
        ("ulimit -n 40", "this user may have 40 files open, the service needs 256"),
    ],
)
@pytest.mark.slow
def test_what_the_machine_does_not_give(
    script: str, sentence: str, archive: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    done = in_a_namespace(script, run, "--archive", str(archive), "--port", str(free_port()))
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence.format(run=run) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def fill(disk: Path) -> Path:
    descriptor = os.open(disk / "filler", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        with pytest.raises(OSError, match="No space"):
            while True:
                os.write(descriptor, bytes(4096))
    finally:
        os.close(descriptor)
    return disk / "filler"


@pytest.mark.started
def test_a_disk_that_fills_up(int8_archive: Path, tmp_path: Path) -> None:
    """It goes on; and what could not be started for want of room is started when there is some."""
    service = Service(RunDirectory(tmp_path / "run"), int8_archive, free_port())
    words = ["--archive", str(int8_archive), "--port", str(service.port)]
    mount = 'mount -t tmpfs -o size=60m none "$1"'
    start = in_a_namespace(mount, service.run.path, *words)
    assert start.returncode == 0, start.stderr
    (supervisor,) = (
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if str(service.run.path).encode() in (process / "cmdline").read_bytes()
        and b"--report-to" in (process / "cmdline").read_bytes()
    )
    disk = Path(f"/proc/{supervisor}/root{service.run.path}")
    service.run = RunDirectory(disk)
    try:
        filler = fill(disk)
        assert service.predict(CAT).status_code == 200
        os.kill(service.child_pid("envoy"), signal.SIGKILL)
        log = service.run.supervisor_log
        wait_until(lambda: not service.child_pid("envoy"), 10, "the gateway has ended")
        filler.unlink()
        wait_until(lambda: service.child_pid("envoy"), 20, "the gateway is back")
        wait_until(lambda: "Ready" in log.read_text() and service.is_ready(), 10, "it is ready")
    finally:
        os.kill(supervisor, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{supervisor}").exists(), 40, "it has stopped")


def test_a_terminal_that_is_closed(other: Service) -> None:
    child, terminal = pty.fork()
    if child == 0:
        command = [sys.executable, "-m", "scripts.service", "serve"]
        command += ["--run-directory", str(other.run.path), "--port", str(other.port)]
        os.chdir(ROOT)
        os.execv(sys.executable, [*command, "--archive", str(other.archive)])
    wait_until(other.is_ready, 60, "it is ready")
    children = children_of(child)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert other.state.status == "stopped"
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
