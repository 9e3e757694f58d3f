"""The gateway as a process: Caddy, and the variable parts of deploy/gateway/Caddyfile."""

import os
import re
import shutil
import sys
from pathlib import Path

from scripts import ROOT
from scripts.serving import bounds, variables
from scripts.serving.archives import NAME
from scripts.serving.ports import Door
from scripts.serving.process import Process
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import HTTPS_PORT, Settings

CONFIG = ROOT / "deploy" / "gateway" / "Caddyfile"
CADDY = Path(sys.executable).with_name("caddy")


class Gateway:
    def __init__(
        self,
        settings: Settings,
        run: RunDirectory,
        door: Door,
        model: str,
        addresses: dict[str, str],
    ) -> None:
        """addresses: host:port, see `configuration`."""
        self._scratch = run.scratch / "gateway"
        environment = {
            **variables.without(Settings, os.environ),
            **configuration(settings, run, door, model, addresses),
        }
        command = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(CONFIG)]
        log = run.logs / "gateway.out"
        self.process = Process("the gateway", command, environment, run.path, log, door.sockets)

    def before_start(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)

    async def after_start(self) -> None:
        """It needs nothing: it reads its keys at every request."""


def configuration(
    settings: Settings, run: RunDirectory, door: Door, model: str, addresses: dict[str, str]
) -> dict[str, str]:
    """The environment that the Caddyfile reads.

    addresses: host:port of INFERENCE (TorchServe), SUPERVISOR (readiness) and METRICS (where the
    gateway shows its own).
    """
    descriptor = door.udp and door.udp.fileno()
    quic = f"bind fdgram/{descriptor} {{\n\tprotocols h3\n}}" if descriptor else ""
    return {
        **_site(settings),
        **_limits(),
        **addresses,
        "DOOR": f"fd/{door.tcp.fileno()}",
        "QUIC_DOOR": quic,
        "HOSTS": " ".join(filter(None, (settings.hosts, settings.domain, settings.host))),
        "MODEL": model,
        "MODEL_PATTERN": re.escape(model),
        "VERSION_PATTERN": NAME,
        "ACCESS_KEY": settings.access_key or "",
        "LOG_LEVEL": "INFO" if settings.access_log else "ERROR",
        "PAGE": str(ROOT / "web_client"),
        "RUN": str(run.path),
        "SOCKETS": str(run.scratch / "gateway"),
        "XDG_CONFIG_HOME": str(run.path / "caddy"),
        "XDG_DATA_HOME": str(run.path / "caddy"),
    }


def _site(settings: Settings) -> dict[str, str]:
    """Address and TLS; HTTPS, TLS and REDIRECT are whole lines of the Caddyfile, or nothing."""
    if settings.domain is None:
        return {
            "SITE": f"http://:{settings.port}",
            "HTTPS": "auto_https off",
            "TLS": "",
            "REDIRECT": "",
        }
    certificate, key = settings.certificate, settings.private_key or settings.certificate
    redirect = (
        f"http://:80 {{\n\tbind {settings.host}\n\tredir https://{settings.domain}{{uri}}\n}}\n"
    )
    return {
        "SITE": f"https://{settings.domain}:{settings.port}, https://:{settings.port}",
        # A connection by IP address names no domain: the supervisor's own.
        "HTTPS": f"auto_https disable_redirects\ndefault_sni {settings.domain}",
        "TLS": f"tls {_quoted(certificate)} {_quoted(key)}" if certificate else "",
        # Where the site has the port that browsers expect.
        "REDIRECT": redirect if settings.port == HTTPS_PORT else "",
    }


def _quoted(path: Path | None) -> str:
    """As one word of the Caddyfile."""
    escaped = str(path).replace('"', '\\"')
    return f'"{escaped}"'


def _limits() -> dict[str, str]:
    seconds = {
        "REQUEST_HEAD": bounds.REQUEST_HEAD,
        "REQUEST_BODY": bounds.REQUEST_BODY,
        "IDLE_CONNECTION": bounds.IDLE_CONNECTION,
        "IN_FLIGHT": bounds.IN_FLIGHT,
        "ANSWER": bounds.ANSWER,
        "REPLAY": bounds.REPLAY,
        "REPLAY_PAUSE": bounds.REPLAY_PAUSE,
        "READY_ANSWER": bounds.READY_ANSWER,
    }
    numbers = {
        "BODY": bounds.BODY,
        "BODY_IN_WORDS": f"{bounds.BODY:,}",
        "LARGE_BODY": bounds.LARGE_BODY,
        "DRAINED_BODY": bounds.DRAINED_BODY,
        "AT_ONCE": bounds.AT_ONCE,
        "LARGE_AT_ONCE": bounds.LARGE_AT_ONCE,
        "DRAINED_AT_ONCE": bounds.DRAINED_AT_ONCE,
    }
    return {name: f"{value * 1000:.0f}ms" for name, value in seconds.items()} | {
        name: str(value) for name, value in numbers.items()
    }
