"""TorchServe's management API, on this machine and with its own key."""

import time
from typing import Any, NotRequired, Self, TypedDict

import requests

from client.errors import ServiceError
from client.http import cause, refusal, session
from scripts.serving.bounds import MANAGEMENT
from scripts.serving.run_directory import RunDirectory, State

POLL = 0.1  # seconds between two looks whether workers are ready


class Worker(TypedDict):
    id: str
    status: str  # READY, UNLOADING
    pid: int
    startTime: str


class Queue(TypedDict):
    remainingCapacity: int
    pendingRequests: int


class Version(TypedDict):
    """One version of a model, as TorchServe describes it."""

    modelName: str
    modelVersion: str
    modelUrl: str  # the archive's name
    batchSize: int
    maxBatchDelay: int  # milliseconds
    workers: list[Worker]
    jobQueueStatus: Queue
    customizedMetadata: NotRequired[dict[str, Any]]  # the model card, where it was asked for


class Management:
    """Of one model. Every method raises ServiceError."""

    def __init__(self, url: str, key: str, model: str, timeout: float = MANAGEMENT) -> None:
        self.url = url
        self.model = model
        self.timeout = timeout
        self._key = key
        self._session = session(url)
        self._session.headers["Authorization"] = f"Bearer {key}"

    @classmethod
    def of(cls, run: RunDirectory, model: str, timeout: float = MANAGEMENT) -> Self:
        """That of the service that runs in `run`. Raises ServiceError where there is none."""
        state, key = running(run), run.key("management")
        if key is None:
            raise ServiceError("starting", "TorchServe is still starting. Try again in a moment")
        return cls(state.management, key, model, timeout)

    def models(self) -> set[str]:
        """The names of all that TorchServe has loaded; of a hundred, which it does not exceed."""
        return {one["modelName"] for one in self._call("GET", "/models")["models"]}

    def versions(self) -> list[Version]:
        """Every version of the model: its workers, queue and batch settings."""
        answer: list[Version] = self._call("GET", f"/models/{self.model}/all")
        return answer

    def model_card(self, version: str) -> dict[str, Any]:
        """What a worker of that version answers; waits in its queue like a prediction."""
        path = f"/models/{self.model}/{version}"
        answer: list[Version] = self._call("GET", path, customized="true")
        if "customizedMetadata" not in answer[0]:  # its worker died meanwhile
            raise ServiceError("no_answer", f"No worker of version {version} answers")
        return answer[0]["customizedMetadata"]

    def default(self) -> Version:
        """The version that answers where none is named."""
        answer: list[Version] = self._call("GET", f"/models/{self.model}")
        return answer[0]

    def version(self, version: str) -> Version:
        answer: list[Version] = self._call("GET", f"/models/{self.model}/{version}")
        return answer[0]

    def scale(self, workers: int, version: str | None = None) -> None:
        """Returns when the version (None: the default one) has that many workers, all ready."""
        version = version or self.default()["modelVersion"]
        path = f"/models/{self.model}/{version}"
        self._call("PUT", path, min_worker=workers, max_worker=workers, synchronous="false")
        self._wait_for_workers(version, workers)

    def replace_workers(self) -> None:
        """Of the default version: those of now are killed, new ones begin to load."""
        version = self.default()
        path = f"/models/{self.model}/{version['modelVersion']}"
        for workers in (0, max(1, len(version["workers"]))):
            self._call("PUT", path, min_worker=workers, max_worker=workers, synchronous="false")

    def register(self, archive: str, version: str, workers: int) -> None:
        """Load an archive of the model store; returns when its workers are ready."""
        self._call(
            "POST",
            "/models",
            url=archive,
            model_name=self.model,
            initial_workers=workers,
            synchronous="false",
        )
        self.scale(workers, version)  # the archive's own number comes first

    def _wait_for_workers(self, version: str, workers: int) -> None:
        """Not by TorchServe itself, whose one thread would answer no prediction meanwhile."""
        deadline = time.monotonic() + MANAGEMENT
        loading: dict[str, int] = {}  # the first process of each that was never ready
        while time.monotonic() < deadline:
            found = self.version(version)["workers"]
            if len(found) == workers and all(one["status"] == "READY" for one in found):
                return
            for one in found:
                if one["status"] == "READY" or one["pid"] <= 0:
                    continue
                if loading.setdefault(one["id"], one["pid"]) != one["pid"]:
                    raise ServiceError(
                        "not_loaded",
                        f"Version {version} can't be loaded: its worker ended. worker.log says why",
                    )
            time.sleep(POLL)
        raise ServiceError(
            "not_loaded", f"Version {version} was not loaded within {MANAGEMENT:.0f} s"
        )

    def unregister(self, version: str) -> None:
        self._call("DELETE", f"/models/{self.model}/{version}")

    def set_default(self, version: str) -> None:
        self._call("PUT", f"/models/{self.model}/{version}/set-default")

    def _call(self, method: str, path: str, **parameters: str | int) -> Any:
        try:
            response = self._session.request(
                method, self.url + path, params=parameters, timeout=self.timeout
            )
        except requests.RequestException as error:
            raise ServiceError(
                "unreachable", f"TorchServe's management API at {self.url}: {cause(error)}"
            ) from error
        if not response.ok:
            raise refusal(response, self._key)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise ServiceError(
                "bad_answer", f"What answers at {self.url} is not TorchServe's management API"
            ) from error


def running(run: RunDirectory) -> State:
    """What the service in `run` says of itself. Raises ServiceError where there is none."""
    if state := run.running_state():
        return state
    if run.is_running():
        raise ServiceError("starting", "The service is still starting. Try again in a moment")
    state = run.state()
    why = state.last_words if state else ""
    raise ServiceError("not_running", f"The service is not running{why}. Start it: make start")
