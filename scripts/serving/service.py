"""Run the service: TorchServe and its gateway, kept running by one supervisor.

serve stays in the foreground until Ctrl-C; start and stop are for the background.
"""

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import zipfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts import ROOT
from scripts.serving.run_directory import Changes, RunDirectory
from scripts.serving.supervisor import (
    HTTPS_PORT,
    READY_TIMEOUT,
    GaveUp,
    Settings,
    Supervisor,
    built,
    listen,
)

STOP_TIMEOUT = 30.0  # seconds: both processes' own limits and a little more


logger = logging.getLogger("supervisor")


class JsonLines(logging.Formatter):
    """A line of JSON, like those of the other logs."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "level": record.levelname.lower().removesuffix("ing"),
            "ts": when,
            "logger": record.name,
        }
        return json.dumps(line | {"msg": record.getMessage()}, ensure_ascii=False)


class Refused(Exception):
    """The command can't be carried out; `str(error)` says what to do instead."""


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    try:
        if options.command == "stop":
            stop(run)
            return 0
        settings = Settings(
            options.host,
            options.port,
            options.archive,
            options.workers,
            options.threads,
            options.hosts,
            options.domain,
            options.certificate,
            options.private_key,
            # Not an argument: those can be read by every user of the machine.
            os.environ.get("ACCESS_KEY") or None,
            options.model_api,
            options.access_log,
        )
        if options.command == "start":
            start(settings, run)
        else:
            serve(settings, run, options.json_log)
    except (Refused, GaveUp) as error:
        if options.command == "serve" and options.json_log:
            logger.error("%s", error)
        else:
            print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("serve", "start", "stop"):
        command = commands.add_parser(name)
        command.add_argument(
            "--run-directory",
            type=Path,
            default=ROOT / ".run",
            help="where the service keeps its files (default: %(default)s)",
        )
        if name == "stop":
            continue
        command.add_argument("--host", default="127.0.0.1", help="address to listen on")
        command.add_argument("--port", type=port, default=8000, help="port of page and API")
        command.add_argument("--archive", type=absolute, required=True, help="the .mar to serve")
        command.add_argument("--workers", type=positive, help="default: as the archive says")
        command.add_argument("--threads", type=positive, help="of a worker (default: all cores)")
        command.add_argument(
            "--hosts", type=names, help="names it is known by, beside IP addresses and localhost"
        )
        command.add_argument(
            "--domain",
            type=names,
            help="speak TLS as this name, with a certificate of Let's Encrypt",
        )
        command.add_argument("--certificate", type=absolute, help="PEM file: use this one instead")
        command.add_argument(
            "--private-key", type=absolute, help="PEM file (default: in that of the certificate)"
        )
        command.add_argument(
            "--model-api",
            action="store_true",
            help="let manage.py roll out other archives: whoever has TorchServe's management key, "
            "a file of this user, can then load code",
        )
        command.add_argument(
            "--access-log",
            action="store_true",
            help="a line for each prediction in access.log, with the address of who asked, and not "
            "only for what fails",
        )
        if name == "serve":
            command.add_argument(
                "--json-log", action="store_true", help="say what happens in lines of JSON"
            )
        command.epilog = "ACCESS_KEY in the environment: the key that predictions then need."
    return parser.parse_args()


def absolute(path: str) -> str:
    return str(Path(path).resolve())


def names(text: str) -> str:
    """Host names, separated by spaces; they become words of the gateway's configuration."""
    if not re.fullmatch(r"((\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?( |$))+", text.lower()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a host name, such as pictures.example.org"
        )
    return text.lower()


def positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def port(text: str) -> int:
    if not 1 <= positive(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: they go from 1 to 65535")
    return int(text)


def serve(settings: Settings, run: RunDirectory, json_log: bool) -> None:
    """In the foreground, until SIGINT or SIGTERM."""
    handler = logging.StreamHandler(sys.stdout)
    if json_log:
        handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    lock = run.lock()
    if lock is None:
        raise Refused("the service is already running. Look at it: make status")
    try:
        check(settings)
        for old in run.logs.glob("*.out"):
            old.unlink()
        run.record(Changes())
        asyncio.run(Supervisor(settings, run).run())
    except GaveUp as error:
        run.write_state({**run.state(), "status": "failed", "reason": str(error)})
        raise
    finally:
        os.close(lock)


def start(settings: Settings, run: RunDirectory) -> None:
    """In the background; returns when a prediction has succeeded."""
    if run.is_running():
        check_same(settings, run.state())
        print(f"The service is already running at {settings.url}")
        return
    check(settings)
    run.create()
    run.write_state({})
    log = run.logs / "supervisor.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    command = [sys.executable, "-m", "scripts.serving.service", "serve", "--json-log"]
    command += ["--run-directory", str(run.path)]
    for name, value in asdict(settings).items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            command.append(option)
        elif value not in (None, False) and name != "access_key":  # that is inherited
            command += [option, str(value)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_TIMEOUT + STOP_TIMEOUT
    while run.state().get("status") != "ready":
        if process.poll() is not None:
            raise Refused(run.state().get("reason") or f"the supervisor ended; see {log}")
        if time.monotonic() > deadline:
            raise Refused(f"no prediction succeeded within {READY_TIMEOUT:.0f} s; see {run.logs}")
        time.sleep(0.05)
    print(f"Ready: {settings.url}")


def stop(run: RunDirectory) -> None:
    """Stop what runs; returns when it has ended."""
    if not run.is_running():
        print("The service is not running")
        return
    deadline = time.monotonic() + STOP_TIMEOUT
    while (pid := run.state().get("pid")) is None and run.is_running():  # it is just starting
        if time.monotonic() > deadline:
            raise Refused(f"what runs in {run.path} does not say its process id; see {run.logs}")
        time.sleep(0.05)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    while run.is_running():
        if time.monotonic() > deadline:
            raise Refused(f"process {pid} did not stop within {STOP_TIMEOUT:.0f} s; see {run.logs}")
        time.sleep(0.05)
    print("Stopped")


def check(settings: Settings) -> None:
    """Whether a service with these settings can be started."""
    archive = Path(settings.archive)
    if not archive.is_file():
        precision = archive.stem.partition("-")[2] or "fp32"
        raise Refused(f"there is no {archive}. Build it: make archive PRECISION={precision}")
    # TorchServe would only log it and run on without a model.
    if not zipfile.is_zipfile(archive):
        raise Refused(
            f"{archive} is not a TorchServe archive. Delete it and build it: make archive"
        )
    check_access(settings)
    try:
        listen(settings.host, settings.port).close()
    except PermissionError:
        raise Refused(
            f"port {settings.port} is for root alone. Choose another (PORT=8443), or open the low "
            f"ones to every user: sysctl net.ipv4.ip_unprivileged_port_start={settings.port}"
        ) from None
    except OSError as error:
        raise Refused(
            f"{settings.host} port {settings.port} can't be had ({error.strerror}). "
            f"Choose another: make serve PORT={settings.port + 1}"
        ) from None


def check_access(settings: Settings) -> None:
    key = settings.access_key
    if key and not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,}", key):
        raise Refused(
            "ACCESS_KEY is a word of 16 or more ASCII letters, digits and -._~+/=. "
            "Make one: openssl rand -hex 16"
        )
    if settings.certificate and not settings.domain:
        raise Refused("a certificate is for a name: say which with DOMAIN=")
    if settings.private_key and not settings.certificate:
        raise Refused("PRIVATE_KEY= belongs to a certificate: CERTIFICATE=file.pem")
    if settings.domain and " " in settings.domain:
        raise Refused("DOMAIN= is one name; others can be in HOSTS=")
    if settings.certificate:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                settings.certificate, settings.private_key
            )
        except OSError as error:  # ssl.SSLError is one
            raise Refused(
                f"{settings.certificate} with its key can't be used: {error.strerror or error}"
            ) from None
    if settings.domain and not settings.certificate and settings.port != HTTPS_PORT:
        raise Refused(
            "Let's Encrypt looks for the service at port 443. Leave PORT away, or bring a "
            "certificate of your own: CERTIFICATE=file.pem"
        )


def check_same(settings: Settings, state: dict[str, Any]) -> None:
    """Whether the service that runs is the one that is asked for."""
    running = state.get("settings", {})
    differences = [
        "another access key" if name == "access_key" else f"{name} {running.get(name)}, not {value}"
        for name, value in asdict(settings).items()
        if running.get(name) != value
    ]
    archive = Path(settings.archive)
    if not differences and archive.is_file() and built(settings) != state["built"]:
        differences = ["an archive that was built again since"]
    if differences:
        raise Refused(
            f"the service is already running at {state.get('url')} with other settings "
            f"({'; '.join(differences)}). It goes on as it was; to change it: make stop, make start"
        )


if __name__ == "__main__":
    sys.exit(main())
