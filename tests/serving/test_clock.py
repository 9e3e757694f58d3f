"""A clock that is put right, by a day, a year or decades, while the service runs.

libfaketime shows another time to the supervisor, to TorchServe and to its workers; not to the
gateway, which would not run with it and takes no time of day for anything but certificates.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from scripts import SAMPLES
from scripts.operating.keys import renew_access_key
from tests.service import Service, started, wait_until

CAT = (SAMPLES / "cat.jpg").read_bytes()
FIRST, SECOND, THIRD = ("first-key" * 2, "second-key" * 2, "third-key" * 2)
SETPRIV = '#!/bin/sh\ncase "$*" in *envoy*) unset LD_PRELOAD;; esac\nexec {} "$@"\n'


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is written there is the clock's error, for all that is started from now on."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("needs libfaketime (Debian: apt-get install libfaketime)")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    setpriv = tmp_path / "bin" / "setpriv"
    setpriv.parent.mkdir()
    setpriv.write_text(SETPRIV.format("/usr/bin/setpriv"))
    setpriv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{setpriv.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    monkeypatch.setenv("ACCESS_KEY", FIRST)
    return clock


@pytest.fixture
def service(clock: Path, int8_archive: Path, tmp_path: Path) -> Iterator[Service]:
    with started(int8_archive, tmp_path / "run") as service:
        yield service


def status(service: Service, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return service.predict(CAT, headers=headers).status_code


def time_of(service: Service) -> datetime:
    """The supervisor's clock."""
    jobs = {
        one["labels"]["job"]: one["targets"] for one in json.loads(service.run.targets.read_text())
    }
    [address] = jobs["supervisor"]
    return parsedate_to_datetime(
        requests.get(f"http://{address}/ready", timeout=10).headers["Date"]
    )


def put_right(clock: Path, days: int, service: Service) -> None:
    clock.write_text(f"{days:+}d")
    then = datetime.now(UTC) + timedelta(days)
    wait_until(lambda: abs(time_of(service) - then) < timedelta(hours=1), 10, "it is another day")


@pytest.mark.started
@pytest.mark.long
def test_nothing_depends_on_the_time_of_day(clock: Path, service: Service) -> None:
    """Neither answers nor readiness, nor how long a key is valid that was replaced."""
    renew_access_key(service.run, SECOND, 600)
    for days in (1, 365, -365, -1, 20 * 365):
        put_right(clock, days, service)
        assert [status(service, key) for key in (FIRST, SECOND)] == [200, 200], days
    renew_access_key(service.run, THIRD, 0)
    for days in (-365, 0):
        put_right(clock, days, service)
        wait_until(lambda: status(service, SECOND) == 401, 10, "the key before has ended")
        assert status(service, THIRD) == 200, days
    assert "restart" not in service.run.supervisor_log.read_text()
