"""The REST calls that the project's commands make, in one place."""

import time
from collections.abc import Callable
from typing import Any, Self

import requests
import urllib3

from handler.ranking import Item
from scripts.serving.run_directory import RunDirectory

MODEL = "resnet18"
RETRIED = (429, 503)  # the service asks to be asked again; every other answer is final


class ServiceError(Exception):
    """The service refused or could not be reached; `str(error)` says what to do."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class Classifier:
    """The prediction API at the gateway, with retries where a retry can help."""

    def __init__(
        self,
        url: str,
        patience: float = 30.0,
        timeout: float = 40.0,
        access_key: str | None = None,
        host: str | None = None,
        version: str | None = None,
        on_wait: Callable[[ServiceError], None] = lambda reason: None,
    ) -> None:
        """patience: seconds to go on retrying while no picture is answered.

        timeout: seconds for one attempt. host: the name that the service at `url`, on this machine,
        has a certificate for. version: of the model (None: the default one). on_wait: told why,
        when answers stop coming.
        """
        self.url = url.rstrip("/")
        self.patience = patience
        self.timeout = timeout
        self.on_wait = on_wait
        self._address = f"{self.url}/predictions/{MODEL}{f'/{version}' if version else ''}"
        self._silent_since: float | None = None
        self._session = _session(self.url)
        if access_key:
            self._session.headers["Authorization"] = f"Bearer {access_key}"
        if host:
            self._session.headers["Host"] = host
            # It is this machine's own. The environment's certificates would win over this setting.
            self._session.verify = self._session.trust_env = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def classify(self, picture: bytes, top_k: int | None = None) -> list[Item]:
        """The picture's classes, best first. Raises ServiceError."""
        while True:
            pause = 0.5
            try:
                response = self.post(picture, top_k)
            except requests.RequestException as error:
                failure = ServiceError(
                    "unreachable", f"{self.url} can't be reached: {cause(error)}"
                )
            else:
                if response.status_code not in RETRIED:
                    self._silent_since = None
                    if not response.ok:
                        raise _refusal(response)
                    items: list[Item] = response.json()
                    return items
                failure = _refusal(response)
                pause = float(response.headers.get("Retry-After", pause))
            if self._silent_since is None:
                self._silent_since = time.monotonic()
                self.on_wait(failure)
            if time.monotonic() + pause > self._silent_since + self.patience:
                raise failure
            time.sleep(pause)

    def post(self, picture: bytes, top_k: int | None = None) -> requests.Response:
        """One attempt, whatever comes of it. Raises requests.RequestException."""
        headers = {"Content-Type": "application/octet-stream"}
        if top_k is not None:
            headers["X-Top-K"] = str(top_k)
        return self._session.post(self._address, picture, headers=headers, timeout=self.timeout)

    def is_ready(self) -> bool:
        """Whether a prediction would succeed now."""
        try:
            return self._session.get(f"{self.url}/ready", timeout=self.timeout).ok
        except requests.RequestException:
            return False


class Management:
    """TorchServe's management API, on this machine and with its own key."""

    def __init__(self, url: str, key: str, timeout: float = 120.0) -> None:
        self.url = url
        self.timeout = timeout
        self._session = _session(url)
        self._session.headers["Authorization"] = f"Bearer {key}"

    @classmethod
    def of(cls, run: RunDirectory, timeout: float = 120.0) -> Self:
        """That of the service that runs in `run`. Raises ServiceError where there is none."""
        key = run.key("management")
        if not run.is_running() or key is None:
            raise ServiceError("not_running", "The service is not running. Start it: make start")
        return cls(run.state()["management"], key, timeout)

    def versions(self) -> list[dict[str, Any]]:
        """Every version of the model: its workers, queue and batch settings."""
        answer: list[dict[str, Any]] = self._call("GET", f"/models/{MODEL}/all")
        return answer

    def model_card(self, version: str) -> dict[str, Any]:
        """What a worker of that version answers; waits in its queue like a prediction."""
        answer = self._call("GET", f"/models/{MODEL}/{version}", customized="true")
        card: dict[str, Any] = answer[0]["customizedMetadata"]
        return card

    def default_version(self) -> str:
        answer: list[dict[str, Any]] = self._call("GET", f"/models/{MODEL}")
        return str(answer[0]["modelVersion"])

    def scale(self, workers: int) -> None:
        """Returns when the default version has so many workers."""
        self._call(
            "PUT", f"/models/{MODEL}", min_worker=workers, max_worker=workers, synchronous="true"
        )

    def register(self, archive: str, workers: int) -> None:
        """Load an archive of the model store; returns when its workers are ready."""
        self._call(
            "POST",
            "/models",
            url=archive,
            model_name=MODEL,
            initial_workers=workers,
            synchronous="true",
        )

    def unregister(self, version: str) -> None:
        self._call("DELETE", f"/models/{MODEL}/{version}")

    def set_default(self, version: str) -> None:
        self._call("PUT", f"/models/{MODEL}/{version}/set-default")

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
            raise _refusal(response)
        return response.json()


def _session(url: str) -> requests.Session:
    session = requests.Session()
    # No proxy of the environment leads to this machine.
    session.trust_env = not url.startswith(("http://127.", "http://localhost:", "http://[::1]:"))
    return session


def _refusal(response: requests.Response) -> ServiceError:
    try:
        body = response.json()
        return ServiceError(body["type"], body["message"])
    except (requests.JSONDecodeError, KeyError, TypeError):
        return ServiceError("unexpected", f"{response.url} answered {response.status_code}")


def cause(error: BaseException) -> str:
    """The innermost reason, without requests' and urllib3's wrapping."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
