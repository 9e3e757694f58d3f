"""What the supervisor answers on loopback: /ready for the gateway, /metrics for Prometheus."""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class StatusPage:
    def __init__(self, port: int, is_ready: Callable[[], bool], metrics: Collector) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(metrics)
        page: WSGIApplication = make_wsgi_app(registry)

        def answer(
            environment: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            match environment["PATH_INFO"]:
                case "/ready" if is_ready():
                    start_response("200 OK", [("Content-Type", "application/json")])
                    return [b'{"status": "Ready"}']
                case "/metrics":
                    return page(environment, start_response)
                case path:  # the gateway has the words
                    no = "503 Service Unavailable" if path == "/ready" else "404 Not Found"
                    start_response(no, [("Content-Length", "0")])
                    return []

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


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: it is asked all the time."""
