"""The prediction API, with retries where a retry can help."""

import threading
import time
from collections.abc import Callable
from typing import NotRequired, TypedDict

import requests
import urllib3

from client.errors import ServiceError
from client.http import cause, refusal, session

MODEL = "resnet18"  # where no other is named
PATIENCE = 30.0  # seconds to go on retrying while no picture is answered
TIMEOUT = 40.0  # seconds for one attempt
PAUSE = 0.5  # seconds between attempts, where the service names no time
RETRIED = (429, 503)  # the service asks to be asked again; every other answer is final

# class is a keyword, hence the functional form.
Item = TypedDict(
    "Item",
    {
        "class": str,
        "class_zh": str | None,
        "class_id": int,
        "wnid": str | None,
        "confidence": float,
        "heatmap": NotRequired[list[list[float]]],
    },
)


class Classifier:
    """One model of one service. May be used by several threads."""

    def __init__(
        self,
        url: str,
        model: str = MODEL,
        *,
        version: str | None = None,
        access_key: str | None = None,
        host: str | None = None,
        patience: float = PATIENCE,
        timeout: float = TIMEOUT,
        on_wait: Callable[[ServiceError], None] = lambda reason: None,
    ) -> None:
        """version: of the model (None: the default one). host: the name that the service at `url`,
        on this machine, has a certificate for. patience, timeout: seconds, see PATIENCE, TIMEOUT.
        on_wait: told why, when answers stop coming.
        """
        self.url = url.rstrip("/")
        self.patience = patience
        self.timeout = timeout
        self.on_wait = on_wait
        self._address = f"{self.url}/predictions/{model}{f'/{version}' if version else ''}"
        self._silence = _Silence()
        self._session = session(self.url)
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
            pause = PAUSE
            try:
                response = self.post(picture, top_k)
            except requests.RequestException as error:
                failure = ServiceError("unreachable", f"Can't reach {self.url}: {cause(error)}")
            else:
                if response.status_code not in RETRIED:
                    self._silence.end()
                    if not response.ok:
                        raise refusal(response)
                    items: list[Item] = response.json()
                    return items
                failure = refusal(response)
                pause = float(response.headers.get("Retry-After", pause))
            since, is_new = self._silence.begin()
            if is_new:
                self.on_wait(failure)
            if time.monotonic() + pause > since + self.patience:
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
        answer = self._readiness()
        return answer is not None and answer.ok

    def responds(self) -> bool:
        """Whether anything answers there, ready or not."""
        return self._readiness() is not None

    def _readiness(self) -> requests.Response | None:
        try:
            return self._session.get(f"{self.url}/ready", timeout=self.timeout)
        except requests.RequestException:
            return None


class _Silence:
    """Since when no picture was answered, as all threads of a classifier see it together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None

    def begin(self) -> tuple[float, bool]:
        """When it began (time.monotonic()), and whether that is now."""
        with self._lock:
            if self._since is not None:
                return self._since, False
            self._since = time.monotonic()
            return self._since, True

    def end(self) -> None:
        with self._lock:
            self._since = None
