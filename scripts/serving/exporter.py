"""Metrics that neither TorchServe nor the gateway has: their restarts, memory and workers.

What a scrape asks for is looked up then; between scrapes nothing runs.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from client.errors import ServiceError
from scripts.serving.bounds import SCRAPE
from scripts.serving.management import Management
from scripts.serving.memory import pss
from scripts.serving.process import Process
from scripts.serving.run_directory import RunDirectory


class Exporter(Collector):
    def __init__(
        self,
        run: RunDirectory,
        processes: Mapping[str, Process],
        ready: Callable[[], Mapping[str, bool]],
    ) -> None:
        """processes: by their label; TorchServe's is "torchserve". ready: whether each model is."""
        self._run = run
        self._processes = processes
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        yield self._readiness()
        yield self._restarts()
        yield self._memory()
        yield from self._versions()

    def _readiness(self) -> Metric:
        ready = GaugeMetricFamily(
            "service_ready",
            "Whether a model's predictions succeed (1) or not (0)",
            labels=["model"],
        )
        given_up = dict.fromkeys(self._run.changes().given_up, False)
        for model, is_ready in {**given_up, **self._ready()}.items():
            ready.add_metric([model], is_ready)
        return ready

    def _restarts(self) -> Metric:
        restarts = CounterMetricFamily(
            "service_restarts", "How often a process was restarted", labels=["process"]
        )
        for name, process in self._processes.items():
            restarts.add_metric([name], process.restarts)
        return restarts

    def _memory(self) -> Metric:
        memory = GaugeMetricFamily(
            "service_memory_bytes",
            "Memory by type of process (PSS: memory shared by n processes counts as 1/n)",
            labels=["process"],
        )
        pids = {"supervisor": [os.getpid()]}
        for name, process in self._processes.items():
            if process.pid:
                pids[name] = [process.pid]
        pids["workers"] = [pid for parent in pids.get("torchserve", []) for pid in _workers(parent)]
        for name, group in pids.items():
            memory.add_metric([name], sum(filter(None, map(pss, group))))
        return memory

    def _versions(self) -> Iterable[Metric]:
        versions = GaugeMetricFamily(
            "service_version_info",
            "Loaded versions",
            labels=["model", "version", "archive", "default"],
        )
        workers = GaugeMetricFamily(
            "service_workers", "Workers in each state", labels=["model", "version", "state"]
        )
        for model in self._ready():
            try:
                management = Management.of(self._run, model, timeout=SCRAPE)
                default = management.default()["modelVersion"]
                loaded = management.versions()
            except ServiceError as error:  # it is starting: then there is nothing to say of it
                if error.type == "unreachable":  # for the others as well
                    break
                continue
            for version in loaded:
                name = version["modelVersion"]
                is_default = "yes" if name == default else "no"
                versions.add_metric([model, name, version["modelUrl"], is_default], 1)
                states = [worker["status"] for worker in version["workers"]]
                for state in {"READY", *states}:
                    workers.add_metric([model, name, state], states.count(state))
        yield from (versions, workers)


def _workers(torchserve: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(torchserve).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
