"""Metrics that neither TorchServe nor the gateway has: their restarts, memory, workers and queues.

What a scrape asks for is looked up then; between scrapes nothing runs.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import psutil
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from client.classifier import Classifier, Management, ServiceError
from scripts.serving.memory import pss
from scripts.serving.run_directory import RunDirectory

if TYPE_CHECKING:
    from scripts.serving.supervisor import Child

# Less than Prometheus waits for an answer (scrape_timeout, 10 s), for all questions together.
TIMEOUT = 3.0  # seconds


class Exporter(Collector):
    def __init__(self, run: RunDirectory, children: Mapping[str, "Child"]) -> None:
        self._run = run
        self._children = children
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def start(self, port: int) -> None:
        self._server, self._thread = start_http_server(port, "127.0.0.1", self._registry)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def collect(self) -> Iterator[Metric]:
        yield self._readiness()
        yield self._restarts()
        yield self._memory()
        yield from self._versions()

    def _readiness(self) -> Metric:
        state = self._run.state()
        classifier = Classifier(
            state["local_url"], timeout=TIMEOUT, host=state["settings"]["domain"]
        )
        ready = GaugeMetricFamily("service_ready", "Whether a prediction succeeds (1) or not (0)")
        ready.add_metric([], classifier.is_ready())
        return ready

    def _restarts(self) -> Metric:
        restarts = CounterMetricFamily(
            "service_restarts", "How often a process had to be started again", labels=["process"]
        )
        for name, child in self._children.items():
            restarts.add_metric([name], child.restarts)
        return restarts

    def _memory(self) -> Metric:
        memory = GaugeMetricFamily(
            "service_memory_bytes",
            "Memory of a kind of process (PSS: what n processes share counts as 1/n)",
            labels=["process"],
        )
        processes = {"supervisor": [os.getpid()]}
        for name, child in self._children.items():
            if child.process:
                processes[name] = [child.process.pid]
        processes["workers"] = [
            pid for pid in processes.get("torchserve", []) for pid in _workers(pid)
        ]
        for name, pids in processes.items():
            memory.add_metric([name], sum(filter(None, map(pss, pids))))
        return memory

    def _versions(self) -> Iterable[Metric]:
        versions = GaugeMetricFamily(
            "service_version_info", "Loaded versions", labels=["version", "archive", "default"]
        )
        workers = GaugeMetricFamily(
            "service_workers", "Workers in each state", labels=["version", "state"]
        )
        waiting = GaugeMetricFamily(
            "service_queue_requests", "Requests that wait for a worker", labels=["version"]
        )
        capacity = GaugeMetricFamily(
            "service_queue_capacity", "How many could wait", labels=["version"]
        )
        try:
            management = Management.of(self._run, timeout=TIMEOUT)
            default = management.default_version()
            loaded = management.versions()
        except ServiceError:  # it is starting: then there is nothing to say of it
            return
        for version in loaded:
            name = version["modelVersion"]
            is_default = "yes" if name == default else "no"
            versions.add_metric([name, version["modelUrl"], is_default], 1)
            states = [worker["status"] for worker in version["workers"]]
            for state in {"READY", *states}:
                workers.add_metric([name, state], states.count(state))
            queue = version["jobQueueStatus"]
            waiting.add_metric([name], queue["pendingRequests"])
            capacity.add_metric([name], queue["pendingRequests"] + queue["remainingCapacity"])
        yield from (versions, workers, waiting, capacity)


def _workers(torchserve: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(torchserve).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
