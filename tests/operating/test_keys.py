"""New keys in a running service, under 20 plain clients that retry nothing."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from client.errors import ServiceError
from scripts import SAMPLES
from scripts.operating.keys import renew_access_key, tell_supervisor
from scripts.operating.manage import key_in
from scripts.serving.run_directory import RunDirectory
from tests.service import Load, Service, started, wait_until

CAT = (SAMPLES / "cat.jpg").read_bytes()
FIRST, SECOND = "first-key-" * 4, "second.key+" * 46  # the other as long as one can be, nearly


@pytest.fixture(scope="module")
def locked(int8_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ACCESS_KEY", FIRST)
            run = tmp_path_factory.mktemp("run")
            service = stack.enter_context(started(int8_archive, run))
        yield service


def status(service: Service, key: str) -> int:
    return service.predict(CAT, headers={"Authorization": f"Bearer {key}"}).status_code


def torchserve_keys(service: Service) -> dict[str, str]:
    return {kind: one["key"] for kind, one in json.loads(service.run.keys.read_text()).items()}


class Careful(threading.Thread):
    """A client that reads the key before each request, from where operators are told it is."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service, self.statuses, self.ends = service, list[int](), threading.Event()

    def run(self) -> None:
        while not self.ends.is_set():
            path = self.service.run.access_key
            key = path.read_text().strip() if path.exists() else FIRST
            self.statuses.append(status(self.service, key))


def test_rotation(locked: Service, samples: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who keeps the old key nor who reads the new one loses anything."""
    service, before = locked, torchserve_keys(locked)
    monkeypatch.setenv("ACCESS_KEY", FIRST)  # as in the shell that started the service
    careful = Careful(service)
    with Load(service, samples, clients=20, access_key=FIRST) as load:
        load.go_on(20)
        careful.start()
        done = service.manage("rotate-keys", "--grace", "300")
        assert done.returncode == 0, done.stderr
        load.go_on(20)
        careful.ends.set()
        careful.join(60)
    load.report("keys rotated")
    assert load.lost() == []
    assert set(careful.statuses) == {200}
    after = torchserve_keys(service)
    assert set(after) == {"management", "inference", "API"}
    assert not set(after.values()) & set(before.values())
    path = service.run.access_key
    new = path.read_text().strip()
    assert str(path) in done.stdout
    assert new not in done.stdout + done.stderr
    assert path.stat().st_mode & 0o077 == 0
    assert (status(service, new), status(service, FIRST), status(service, "x")) == (200, 200, 401)
    # A new gateway knows both.
    gateway = service.child_pid("envoy")
    os.kill(gateway, signal.SIGKILL)
    wait_until(lambda: service.child_pid("envoy") not in (0, gateway), 20, "it is started again")
    wait_until(lambda: answers(service), 20, "it answers")
    assert (status(service, new), status(service, FIRST)) == (200, 200)


def test_a_given_key_and_a_short_grace(
    locked: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, file = locked, tmp_path / "key"
    old = service.state.settings.access_key
    assert old
    file.write_text(f"{SECOND}\n")
    renew_access_key(service.run, key_in(file), 0)
    assert status(service, SECOND) == 200
    wait_until(lambda: status(service, old) == 401, 10, "the old one has ended")
    # `make start` compares with the key that is valid now.
    monkeypatch.setenv("ACCESS_KEY", SECOND)
    assert "already running at" in service.start().stdout
    monkeypatch.setenv("ACCESS_KEY", FIRST)
    assert "a different access key" in service.start().stderr
    # ... and so do the other commands, whatever the shell's is.
    asked = ("classify", "--run-directory", str(service.run.path), str(SAMPLES / "cat.jpg"))
    assert service.command(*asked).returncode == 0
    done = service.manage("rotate-keys", "--key-from", str(file))
    assert "the service has already" in done.stderr


def test_nobody_else_is_told_to_renew(locked: Service, tmp_path: Path) -> None:
    """The pid may be another's by now."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        with pytest.raises(ServiceError, match="has just ended"):
            tell_supervisor(RunDirectory(tmp_path), replace(locked.state, pid=bystander.pid))
        assert bystander.poll() is None
        bystander.kill()


def answers(service: Service) -> bool:
    try:
        return requests.get(f"{service.url}/ready", timeout=10).ok
    except requests.RequestException:
        return False
