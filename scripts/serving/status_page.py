"""What the supervisor answers on loopback: to the gateway, and /metrics to Prometheus."""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from scripts.serving.described import Served, describe, sample

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


READY, NOT_READY = b'{"status": "Ready"}', "503 Service Unavailable"


class StatusPage:
    def __init__(
        self,
        port: int,
        ready: Callable[[], Mapping[str, bool]],
        served: Callable[[], list[Served]],
        metrics: Collector,
    ) -> None:
        """ready: whether each model is."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(metrics)
        page: WSGIApplication = make_wsgi_app(registry)

        def answer(
            environment: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            kind, body, no = "application/json", None, "404 Not Found"
            match environment["PATH_INFO"].split("/")[1:]:
                case ["metrics"]:
                    return page(environment, start_response)
                case ["ready"]:
                    body, no = (READY if all(ready().values()) else None), NOT_READY
                case ["ready", name] if name in (models := ready()):
                    body, no = (READY if models[name] else None), NOT_READY
                case ["models"]:
                    described = {"models": describe(served(), _most(environment["QUERY_STRING"]))}
                    body = json.dumps(described, ensure_ascii=False).encode()
                case ["models", name, "samples", file]:
                    kind, body = "image/jpeg", sample(served(), name, file)
            if body is None:  # the gateway has the words
                start_response(no, [("Content-Length", "0")])
                return []
            headers = {"Content-Type": kind, "Content-Length": str(len(body))}
            start_response("200 OK", [*headers.items(), ("Cache-Control", "no-cache")])
            return [body] if environment["REQUEST_METHOD"] == "GET" else []

        self._server = make_server("127.0.0.1", port, answer, ThreadingWSGIServer, _Silent)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="status page", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _most(query: str) -> int | None:
    """How many classes of each model are asked for; None: all.

    The page needs few of a thousand names, and is to be there at once.
    """
    (most,) = parse_qs(query).get("classes", [""])[:1]
    return int(most) if re.fullmatch("[0-9]{1,9}", most) else None


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: it is asked all the time."""
