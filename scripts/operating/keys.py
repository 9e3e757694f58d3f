"""New keys for a running service, without a moment in which no key is valid."""

import os
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import requests

from client.classifier import Classifier
from client.errors import ServiceError
from scripts import SAMPLES
from scripts.operating.change import one_at_a_time
from scripts.serving.bounds import READY, STATUS
from scripts.serving.management import running
from scripts.serving.process import RENEW
from scripts.serving.run_directory import RunDirectory, State, write_atomically

GRACE = 600.0  # seconds for which the access key before is still accepted
POLL = 0.2  # seconds
PICTURE = SAMPLES / "cat.jpg"
ENDED = "The service has just ended. Start it: make start"


def renew_access_key(run: RunDirectory, new: str | None, grace: float) -> Path | None:
    """Returns once it is accepted, None where the service has no access key; raises ServiceError.

    The key is then in the file whose path is returned. new: None to make one up. grace: seconds.
    """
    with one_at_a_time(run):
        state = running(run)
        old = state.settings.access_key
        if old is None:
            if new is None:
                return None
            raise ServiceError(
                "no_key",
                "This service has no access key. To give it one: make stop, then make start with "
                "ACCESS_KEY in the environment",
            )
        if new == old:
            raise ServiceError(
                "same_key",
                "This is the key that the service has already. Choose another, or leave --key-from "
                "out",
            )
        key = new or secrets.token_hex(16)
        until = time.monotonic() + grace
        changes = replace(run.changes(), access_key=key, old_access_key=old, old_until=until)
        run.record(changes)
        classifier = Classifier(
            state.local_url, state.model, access_key=key, host=state.settings.domain
        )
        try:
            not_yet = "The gateway has not taken the new key over"
            wait_until(lambda: accepted(classifier), STATUS, not_yet, run)
        finally:  # it is recorded: the gateway accepts it then, however late
            write_atomically(run.access_key, f"{key}\n")
    return run.access_key


def renew_torchserve_keys(run: RunDirectory) -> None:
    """It makes new ones when it starts; the gateway keeps requests meanwhile."""
    with one_at_a_time(run):
        state = running(run)
        old = run.key("management")
        tell_supervisor(run, state)
        client = Classifier(state.local_url, host=state.settings.domain, timeout=STATUS)
        wait_until(
            lambda: run.key("management") not in (None, old) and client.is_ready(),
            READY,
            "TorchServe has not come back with new keys",
            run,
        )


def accepted(classifier: Classifier) -> bool:
    try:
        return classifier.post(PICTURE.read_bytes()).status_code != 401
    except requests.RequestException:  # the gateway is just starting
        return False


def tell_supervisor(run: RunDirectory, state: State) -> None:
    """Raises ServiceError where it has just ended."""
    try:
        process = os.pidfd_open(state.pid)
    except ProcessLookupError:
        raise ServiceError("not_running", ENDED) from None
    try:
        # Only now is it sure that this is the one: a pid may be given to another once it is free.
        if run.holder() != state.pid:
            raise ServiceError("not_running", ENDED)
        signal.pidfd_send_signal(process, RENEW)
    finally:
        os.close(process)


def wait_until(
    condition: Callable[[], bool], seconds: float, not_yet: str, run: RunDirectory
) -> None:
    """Raises ServiceError, which begins with `not_yet`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError("not_renewed", f"{not_yet} within {seconds:.0f} s. See {run.logs}")
        time.sleep(POLL)
