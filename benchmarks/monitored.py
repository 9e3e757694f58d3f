"""A started Prometheus that looks at a started service, with the project's own configuration."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from scripts import ROOT
from scripts.development.find_tools import MISSING, prometheus
from scripts.serving.ports import free_port
from scripts.serving.run_directory import RunDirectory

MONITORING = ROOT / "deploy" / "monitoring"
STOP_LIMIT = 20  # seconds


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.get("query", query=expression)["result"]

    def get(self, path: str, **parameters: str | float) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]


def tool(name: str) -> str:
    path = prometheus(name)
    assert path, MISSING["prometheus"]
    return path


def configuration(run: RunDirectory, interval: str) -> str:
    """The project's, for a service whose files lie elsewhere, and with less patience."""
    text = (MONITORING / "prometheus.yml").read_text()
    wanted = yaml.safe_load(text)
    wanted["global"] = dict.fromkeys(wanted["global"], interval)
    wanted["rule_files"] = [str(MONITORING / name) for name in wanted["rule_files"]]
    (job,) = wanted["scrape_configs"]
    job["file_sd_configs"] = [{"files": [str(run.targets)], "refresh_interval": "1s"}]
    return yaml.safe_dump(wanted)


@contextmanager
def watching(run: RunDirectory, folder: Path, interval: str = "1s") -> Iterator[Prometheus]:
    config, log = folder / "prometheus.yml", folder / "prometheus.log"
    config.write_text(configuration(run, interval))
    port = free_port()
    command = [
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + STOP_LIMIT
        while not _is_ready(url):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(STOP_LIMIT)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False
