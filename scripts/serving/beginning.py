"""What has to be right before a service begins, and whether it is the one that runs already."""

import os
import resource
import shlex
import shutil
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from client.errors import ServiceError
from scripts.serving import processor, variables
from scripts.serving.archives import served
from scripts.serving.bounds import FILES, LOOPBACK
from scripts.serving.run_directory import RunDirectory, State
from scripts.serving.settings import Settings
from scripts.serving.torchserve import WORKER_PYTHON


class Refused(Exception):
    """The command can't be carried out; `str(error)` says what to do instead."""


def check_processor() -> str | None:
    """What makes answers slower on this one, if something does. Raises Refused."""
    found = processor.here()
    if found.lack:
        raise Refused(found.lack)
    return found.slowness


def check_access_key(settings: Settings, run: RunDirectory) -> None:
    """Raises Refused where a service that had a key would begin without one, unintended."""
    if run.access_key.exists() and not settings.access_key:
        file = shlex.quote(str(run.access_key))
        raise Refused(
            "this service had an access key when it last ran, and none is given now. To start it "
            f"with that key: ACCESS_KEY=$(cat {file}) make start. "
            f"To let everybody in from now on: rm {file}"
        )


def check_machine() -> None:
    """Raises Refused where what is started could not run, or not be reached."""
    if not os.access(WORKER_PYTHON, os.X_OK):
        raise Refused(
            f"{WORKER_PYTHON} may not be executed, perhaps since the program that unpacked it does "
            f"not keep such rights. Allow it: chmod +x {shlex.quote(str(WORKER_PYTHON))}"
        )
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), LOOPBACK).close()
    except OSError as error:
        raise Refused(
            f"the service's parts reach each other at 127.0.0.1, and here that fails "
            f"({error.strerror or error}). Bring it up, as root: ip link set lo up; "
            "ip address add 127.0.0.1/8 dev lo"
        ) from None


def check_limits(archives: Iterable[Path], run: RunDirectory) -> None:
    """Raises Refused where the machine gives too little; takes what it gives."""
    # A copy of each, and what TorchServe unpacks.
    needed = 2 * sum(archive.stat().st_size for archive in archives)
    if shutil.disk_usage(run.path).free < needed:
        raise Refused(
            f"the service needs {needed >> 20} MB of disk space in {run.path}, and there is less. "
            "Make room and try again"
        )
    # For the gateway's connections: others set the usual 1,024 for each process.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= most < FILES:
        raise Refused(
            f"this user may have {most} files open, the service needs {FILES} (ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def check_same(settings: Settings, state: State, run: RunDirectory) -> None:
    """Whether the service that runs is the one that is asked for. Raises Refused."""
    differences = []
    for one in variables.variables(Settings):
        has, wanted = getattr(state.settings, one.field), getattr(settings, one.field)
        if has != wanted:
            words = f"{one.name} is {one.words(has)}, not {one.words(wanted)}"
            differences.append("a different access key" if one.secret else words)
    with suppress(ServiceError):  # an archive is there no more, and need not be
        archives = served(settings).archives if not differences else {}
        differences += [
            "the archive has been rebuilt since"
            for name, archive in archives.items()
            if archive.stat().st_mtime_ns != state.archives.get(name, archive.stat().st_mtime_ns)
        ]
        others = archives.keys() - state.archives.keys() - run.changes().models.keys()
        differences += [f"there is the model {name} since" for name in sorted(others)]
    if differences:
        raise Refused(
            f"the service is already running at {state.url} with other settings "
            f"({'; '.join(differences)}). It keeps its settings; to change them: "
            "make stop, make start"
        )
