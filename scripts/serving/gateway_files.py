"""What the gateway is told, in files of its own folder: its configuration, and what changes while
it runs, which it takes over when its file is replaced.
"""

import hashlib
import json
import re
import resource
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts import ROOT
from scripts.serving import bounds
from scripts.serving.order import cluster_of
from scripts.serving.run_directory import RunDirectory, write_atomically
from scripts.serving.settings import HTTPS_PORT, Settings
from scripts.serving.template import filled
from scripts.serving.variables import NAME

FOLDER = ROOT / "deploy" / "gateway"
TEMPLATE = FOLDER / "envoy.yaml"
PAGE = ROOT / "web_client"
# Host headers without a name: IPv4 and IPv6 addresses, with or without a port.
ADDRESS = r"[0-9.]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?"
# What the supervisor says of the models.
DESCRIBED = f"/models(/{NAME}/samples/{NAME})?"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
# Headers that TorchServe gets, besides what Envoy itself writes.
PASSED = (
    *("content-length", "content-type", "transfer-encoding"),
    *("x-client-content-type", "x-request-id", "x-request-start", "x-query", "x-top-k"),
)
IN_WORDS = 3  # models that a sentence lists
TYPES = {  # of the page's files; others, such as an editor's, are not published
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


def write_configuration(
    settings: Settings,
    run: RunDirectory,
    models: Sequence[str],
    ports: Mapping[str, int],
    keys: Collection[str],
) -> Path:
    """Envoy's bootstrap; the clusters, one for each model; and the routes, which know the keys.

    models: the first is asked where none is named. ports: of METRICS (where the gateway shows its
    own) and SUPERVISOR. keys: that are valid now; none: everybody may ask.
    """
    values = {
        **_bounds(),
        "HOST": settings.host,
        "PORT": settings.port,
        "IPV4_TOO": settings.host == "::",
        "NAMES": names(settings),
        "DOMAIN": settings.domain,
        "REDIRECT": settings.certificate and settings.port == HTTPS_PORT,
        "ALT_SVC": f'h3=":{settings.port}"; ma=86400' if settings.domain else None,
        "KEYS": "|".join(map(re.escape, keys)),
        "ACCESS_LOG": settings.access_log,
        "MODELS": [
            {"MODEL": model, "MODEL_PATTERN": re.escape(model), "CLUSTER": cluster_of(model)}
            for model in models
        ],
        "PREDICTIONS": _in_words([f"/predictions/{model}" for model in models]),
        "FIRST": models[0],
        "FIRST_CLUSTER": cluster_of(models[0]),
        "VERSION_PATTERN": NAME,
        "DESCRIBED": DESCRIBED,
        "PAGE": [route for address, path in pages().items() for route in _routes(address, path)],
        "TO_GET": "|".join([DESCRIBED, *map(re.escape, [*_readiness(models), "/ping", *pages()])]),
        "OTHER_HEADERS": nothing_but(PASSED),
        "RUN": str(run.path),
        "SOCKETS": str(run.sockets),
        "METRICS_PORT": ports["METRICS"],
        "SUPERVISOR_PORT": ports["SUPERVISOR"],
    }
    bootstrap = filled(TEMPLATE, values)
    _write(run, "clusters", *bootstrap.pop("clusters"))  # before the routes that lead there
    _write(run, "routes", bootstrap.pop("routes"))
    path = run.gateway / "envoy.json"
    write_atomically(path, json.dumps(bootstrap, indent=1))
    return path


def write_key(run: RunDirectory, key: str) -> None:
    """TorchServe's, which every request to it carries."""
    secret = {"generic_secret": {"secret": {"inline_string": f"Bearer {key}"}}}
    _write(run, "key", {"@type": f"{_TLS}.Secret", "name": "key", **secret})


def write_certificate(run: RunDirectory, chain: str, private_key: str) -> None:
    """Both in PEM."""
    pair = {
        "certificate_chain": {"inline_string": chain},
        "private_key": {"inline_string": private_key},
    }
    secret = {"@type": f"{_TLS}.Secret", "name": "certificate", "tls_certificate": pair}
    _write(run, "certificate", secret)


def write_nodes(run: RunDirectory, port: int) -> None:
    """Where TorchServe is: on this machine."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    nodes = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    _write(run, "nodes", {"@type": kind, "cluster_name": "torchserve", "endpoints": nodes})


def _write(run: RunDirectory, name: str, *resources: Mapping[str, object]) -> None:
    write_atomically(run.gateway / f"{name}.json", json.dumps({"resources": resources}))


def _in_words(addresses: Sequence[str]) -> str:
    """All, where they are few."""
    if len(addresses) > IN_WORDS:
        return f"{addresses[0]}, say"
    return " or ".join(addresses)


def _readiness(models: Iterable[str]) -> list[str]:
    return ["/ready", *(f"/ready/{model}" for model in models)]


def nothing_but(words: Collection[str]) -> str:
    """A pattern of every lower-case name but these, in RE2's syntax, which knows no "not"."""
    first: dict[str, list[str]] = {}
    for word in words:
        if word:
            first.setdefault(word[0], []).append(word[1:])
    others = [re.escape(letter) + f"({nothing_but(rest)})" for letter, rest in first.items()]
    # Envoy's own for method and path begin with a colon.
    longer = f"[^:{re.escape(''.join(first))}].*"
    return "|".join([*([] if "" in words else [""]), longer, *others])


def names(settings: Settings) -> str:
    """A pattern of the Host headers that are accepted, in RE2's and Python's syntax."""
    ours = ["localhost", settings.domain, *(settings.hosts or "").split()]
    # HOSTS allows a `*` for the first label.
    patterns = [re.escape(name).replace(r"\*", "[^.]+") for name in filter(None, ours)]
    # A name may end with the root's dot (RFC 1034, 3.1).
    return rf"(?i)({'|'.join(patterns)})\.?(:[0-9]+)?|{ADDRESS}"


def pages() -> dict[str, Path]:
    """The page's files, each by its address."""
    files = sorted(path for path in PAGE.rglob("*") if path.suffix in TYPES)
    return {"/": PAGE / "index.html"} | {
        f"/{path.relative_to(PAGE).as_posix()}": path for path in files
    }


def _routes(address: str, path: Path) -> list[dict[str, Any]]:
    """To a file, which the gateway reads once, as it starts: nothing else can be reached."""
    content = path.read_bytes()
    # A weak one survives compression.
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    fields = {"content-type": TYPES[path.suffix], "etag": tag, "cache-control": "no-cache"}
    headers = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in fields.items()
    ]
    get = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    known = {"name": "if-none-match", "string_match": {"contains": tag}}
    return [
        {
            "match": {"path": address, "headers": [get, known]},
            "direct_response": {"status": 304},
            "response_headers_to_add": headers[1:],
        },
        {
            "match": {"path": address, "headers": [get]},
            "direct_response": {"status": 200, "body": {"filename": str(path)}},
            "response_headers_to_add": headers,
        },
    ]


def _connections() -> int:
    """As many as this user may have, with some descriptors left for everything else."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(bounds.CONNECTIONS, most - most // 4)


def _bounds() -> dict[str, object]:
    seconds = {
        "REQUEST_HEAD": bounds.REQUEST_HEAD,
        "REQUEST_BODY": bounds.REQUEST_BODY,
        "LINGER": bounds.LINGER,
        "IDLE_STREAM": bounds.IDLE_STREAM,
        "IDLE_CONNECTION": bounds.IDLE_CONNECTION,
        "ANSWER": bounds.ANSWER,
        "REPLAY": bounds.REPLAY,
        "LARGE_REPLAY": bounds.LARGE_REPLAY,
        "READY_ANSWER": bounds.READY_ANSWER,
    }
    return {
        **{name: f"{value}s" for name, value in seconds.items()},
        "BODY": bounds.BODY,
        "QUERY": bounds.QUERY,
        "OVER_BODY": bounds.BODY + 1,
        "BODY_IN_WORDS": f"{bounds.BODY:,}",
        "FIRST_LARGE_BODY": bounds.LARGE_BODY + 1,
        "TORCHSERVE_BODY": bounds.TORCHSERVE_BODY,
        "AT_ONCE": bounds.AT_ONCE,
        "WAITING": bounds.WAITING,
        "LARGE_AT_ONCE": bounds.LARGE_AT_ONCE,
        "LARGE_WAITING": bounds.LARGE_WAITING,
        # More than there can be: waiting ones, and those between two tries.
        "REQUESTS": 2 * bounds.CONNECTIONS,
        "CONNECTIONS": _connections(),
        "HEAP": bounds.GATEWAY_HEAP,
    }
