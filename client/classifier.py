"""The prediction API, with retries where a retry can help."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

import requests
import urllib3

from client.errors import ServiceError
from client.http import (
    check_address,
    check_key,
    failure,
    not_ours,
    read_whole,
    refusal,
    session,
)
from client.models import Model, models_of

MODEL = "resnet18"  # where no other is named
PATIENCE = 30.0  # seconds to go on retrying while no picture is answered
TIMEOUT = 40.0  # seconds for one attempt
CONNECT = 10.0  # seconds for its connection
PAUSE = 0.5  # seconds between attempts, or more where the service says so
TELL = 1.0  # seconds of silence that nobody needs to hear of

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
        "none_of_these": NotRequired[float],  # see client/models.py
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
        on_wait: told why, when no answers come. Raises ServiceError for an address or a key that
        can't be used.
        """
        check_address(url)
        self.url = url.rstrip("/")
        self.model = model
        self.patience = patience
        self.timeout = timeout
        self.on_wait = on_wait
        self._model = model
        path = [model, version] if version else [model]
        self._address = "/".join([f"{self.url}/predictions", *(quote(one, "") for one in path)])
        self._silence = _Silence()
        self._session = session(self.url)
        self._key = access_key
        if access_key:
            check_key(access_key)
            self._session.headers["Authorization"] = f"Bearer {access_key}"
        if host:
            self._session.headers["Host"] = host
            # It is this machine's own. The environment's certificates would win over this setting.
            self._session.verify = self._session.trust_env = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def classify(self, picture: bytes, top_k: int | None = None) -> list[Item]:
        """The picture's classes, best first. Raises ServiceError."""
        began = math.inf
        while True:
            try:
                items = self._ask(picture, top_k)
            except ServiceError as error:
                if not error.passes:
                    raise
                now = time.monotonic()
                began = min(began, now)
                time.sleep(self._pause(error, began, now))
            else:
                self._silence.end()
                return items

    def _ask(self, picture: bytes, top_k: int | None) -> list[Item]:
        try:
            response = self.post(picture, top_k)
        except OSError as reason:
            raise failure(self.url, reason) from reason
        if response.ok and not response.is_redirect:
            items = _items(response)
            if items is None:
                raise not_ours(self.url)
            return items
        error = refusal(response, self._key)
        if not error.passes:
            self._silence.end()  # the service is there
        raise error

    def _pause(self, error: ServiceError, began: float, now: float) -> float:
        """Seconds until the next attempt. Raises the error where patience is at its end.

        began: when this picture failed first. now: when it failed last (time.monotonic()).
        """
        silence, is_told = self._silence.begin(now)
        if is_told:
            self.on_wait(error)
        # A busy service answers others. What befalls this picture alone must end too.
        since = silence if error.type == "busy" else min(began, silence)
        rest = since + self.patience - now
        if rest <= 0:
            if error.type == "unreachable" and began < silence:
                error.type = "no_answer"  # others had theirs
            raise error
        return min(rest, max(PAUSE, error.wait or 0.0))

    def post(self, picture: bytes, top_k: int | None = None) -> requests.Response:
        """One attempt, whatever comes of it. Raises OSError, of which requests' errors are."""
        headers = {"Content-Type": "application/octet-stream"}
        if top_k is not None:
            headers["X-Top-K"] = str(top_k)
        return self._send("POST", self._address, data=picture, headers=headers)

    def models(self) -> list[Model]:
        """What the service serves, asked once. Raises ServiceError."""
        try:
            response = self._send("GET", f"{self.url}/models")
        except OSError as reason:
            raise failure(self.url, reason) from reason
        if not response.ok or response.is_redirect:
            raise refusal(response, self._key)
        models = models_of(_json(response))
        if models is None:
            raise not_ours(self.url)
        return models

    def _send(self, method: str, address: str, **content: Any) -> requests.Response:
        """One attempt, its whole answer. Raises OSError."""
        try:
            response = self._session.request(
                method,
                address,
                timeout=(min(CONNECT, self.timeout), self.timeout),
                stream=True,
                **content,
            )
        except OSError:
            raise
        except (ValueError, TypeError, urllib3.exceptions.HTTPError) as error:
            # What requests does not expect of an address, the environment's proxies included.
            raise requests.exceptions.InvalidURL from error
        read_whole(response, self.timeout)
        return response

    def is_ready(self) -> bool:
        """Whether a prediction would succeed now, of every model that the service has."""
        answer = self._readiness()
        return answer is not None and answer.ok

    def model_is_ready(self) -> bool:
        """Whether one of this model would."""
        answer = self._readiness(f"/{quote(self._model, '')}")
        return answer is not None and answer.ok

    def responds(self) -> bool:
        """Whether anything answers there, ready or not."""
        return self._readiness() is not None

    def _readiness(self, of: str = "") -> requests.Response | None:
        try:
            return self._session.get(f"{self.url}/ready{of}", timeout=self.timeout)
        except requests.RequestException:
            return None


def _items(response: requests.Response) -> list[Item] | None:
    """What the answer says; None where it is not the answer of such a service."""
    items = _json(response)
    return items if isinstance(items, list) and items and all(map(_is_item, items)) else None


def _json(response: requests.Response) -> Any:
    """None where it is none."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _is_item(item: Any) -> bool:
    match item:
        case {
            "class": str(),
            "class_zh": str() | None,
            "class_id": int(),
            "wnid": str() | None,
            "confidence": float() | int() as confidence,
        }:
            return 0 <= confidence <= 1
    return False


class _Silence:
    """Since when no picture was answered, as all threads of a classifier see it together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None
        self._is_told = False

    def begin(self, now: float) -> tuple[float, bool]:
        """When it began (time.monotonic()), and whether it is now long enough to be told, once."""
        with self._lock:
            if self._since is None:
                self._since, self._is_told = now, False
            self._since = min(self._since, now)  # another thread's may have been later
            tell = not self._is_told and now - self._since >= TELL
            self._is_told = self._is_told or tell
            return self._since, tell

    def end(self) -> None:
        with self._lock:
            self._since = None
