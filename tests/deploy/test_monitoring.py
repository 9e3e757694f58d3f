"""Prometheus itself reads the rules, scrapes the service and answers the dashboard's queries."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from benchmarks.monitored import MONITORING, Prometheus, tool, watching
from scripts import ROOT
from tests.deploy.guarded import Guarded
from tests.service import Load, Service, started, wait_until

DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
TESTED = yaml.safe_load((MONITORING / "rules_test.yml").read_text())["tests"]
RATE = "10s"  # what Grafana would put for $__rate_interval with a scrape each second


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [tool("promtool"), *arguments], cwd=MONITORING, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow  # make check fetches no Prometheus
def test_configuration() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "rules.yml")


@pytest.mark.slow
def test_rules_do_what_they_should() -> None:
    promtool("test", "rules", "rules_test.yml")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_fires_in_a_test_and_is_in_the_runbook(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    outcomes = [
        bool(check["exp_alerts"])
        for test in TESTED
        for check in test.get("alert_rule_test", [])
        if check["alertname"] == name
    ]
    assert set(outcomes) == {True, False}
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert anchor in [heading.lower() for heading in headings]


@pytest.fixture(scope="module")
def watched(
    archive: Path, samples: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Prometheus]]:
    """After traffic of all kinds, and a worker's death in it."""
    with (
        started(archive, tmp_path_factory.mktemp("run")) as service,
        watching(service.run, tmp_path_factory.mktemp("prometheus")) as prometheus,
    ):

        def scraped(query: str) -> None:
            wait_until(lambda: prometheus.query(query), 30, f"there is an answer to {query}")

        scraped('up{job="gateway"} == 1')
        with Load(service, samples, clients=4) as load:
            load.go_on(20)
            assert service.predict(b"no picture").status_code == 415
            # Rates need both: a first value, and a later one.
            scraped("classification_refused_total > 0")
            assert service.predict(b"no picture").status_code == 415
            os.kill(service.worker_pids()[0], signal.SIGKILL)
            scraped("sum(increase(classification_model_loads_total[20s])) > 0")
            load.go_on(20)
            scraped("sum(rate(classification_refused_total[20s])) > 0")
            assert load.lost() == []
            yield service, prometheus


def test_all_targets_are_up(watched: tuple[Service, Prometheus]) -> None:
    up = watched[1].query("up")
    assert {sample["metric"]["job"] for sample in up} == {"torchserve", "gateway", "supervisor"}
    assert {sample["value"][1] for sample in up} == {"1"}


@pytest.mark.parametrize("query", QUERIES)
def test_dashboard_has_data(watched: tuple[Service, Prometheus], query: str) -> None:
    samples = watched[1].query(query.replace("$__rate_interval", RATE))
    assert samples
    values = [float(sample["value"][1]) for sample in samples]
    assert [value for value in values if value >= 0], values  # NaN is none


def test_every_metric_that_is_named_exists(watched: tuple[Service, Prometheus]) -> None:
    _, prometheus = watched
    records = [rule["record"] for rule in RULES if "record" in rule]

    def names() -> set[str]:
        return set(prometheus.get("label/__name__/values"))

    # A week's mean is there at once: of what there is of that week.
    wait_until(lambda: set(records) <= names(), 30, f"{set(records) - names()} are recorded")
    expressions = [rule["expr"] for rule in RULES] + [query.values[0] for query in QUERIES]
    bare = re.sub(r'"[^"]*"|\bby \([^)]*\)|\{[^}]*\}', " ", "\n".join(map(str, expressions)))
    named = set(re.findall(r"\b(?:envoy|classification|service|ts)_\w+", bare))
    assert len(named) > 15
    assert named <= names()


def counts(service: Service) -> dict[str, float]:
    """The handler's counters, as TorchServe publishes them, each summed over its labels."""
    page = requests.get(f"{service.state.metrics}/metrics", timeout=10).text
    totals: dict[str, float] = {}
    for name, value in re.findall(r"^classification_(\w+){[^}]*} (\S+)$", page, re.MULTILINE):
        totals[name] = totals.get(name, 0) + float(value)
    return totals


def test_what_is_counted_is_what_was_sent(service: Service, samples: list[bytes]) -> None:
    # So that each counter is there.
    assert service.predict(b"no picture").status_code == 415
    wait_until(lambda: "refused_total" in counts(service), 5, "it is counted")
    before = counts(service)
    for picture in samples:
        assert service.predict(picture).status_code == 200
    for _ in range(2):
        assert service.predict(b"no picture").status_code == 415
    expected = {
        "pictures_total": len(samples),
        "confidence_count": len(samples),
        "inference_seconds_count": len(samples),
        "refused_total": 2,
        "request_seconds_count": len(samples) + 2,
        "batch_size_sum": len(samples) + 2,
        "model_loads_total": 0,
    }

    def more() -> dict[str, float]:
        now = counts(service)
        return {name: now.get(name, 0) - before.get(name, 0) for name in expected}

    # TorchServe reads them after the answer.
    wait_until(lambda: more() == expected, 5, f"{more()} are {expected}")
    # The supervisor's own questions are counted apart.
    asked = counts(service)["readiness_total"]
    wait_until(lambda: counts(service)["readiness_total"] > asked, 5, "it asks again")
    assert more() == expected


def days_left(service: Service) -> int:
    """As the alert CertificateExpires sees it."""
    (expiry,) = [rule["expr"] for rule in ALERTS if rule["alert"] == "CertificateExpires"]
    name, below, days = expiry.split()
    assert (below, days) == ("<", "14")
    targets = json.loads(service.run.targets.read_text())
    (gateway,) = [target for target in targets if target["labels"]["job"] == "gateway"]
    page = requests.get(f"http://{gateway['targets'][0]}/metrics", timeout=10).text
    (value,) = re.findall(rf"^{name}{{}} (\d+)$", page, re.MULTILINE)
    return int(value)


def test_days_left_are_the_certificates(guarded: Guarded) -> None:
    def lasts(days: int) -> bool:
        command = ["openssl", "x509", "-noout", "-checkend", str(days * 24 * 3600)]
        return subprocess.run([*command, "-in", str(guarded.certificate)]).returncode == 0

    days = days_left(guarded.service)
    assert lasts(days)
    assert not lasts(days + 1)


def test_without_https_no_certificate_expires(service: Service) -> None:
    assert days_left(service) >= 14


def test_alerts_are_quiet(watched: tuple[Service, Prometheus]) -> None:
    firing = [a for a in watched[1].get("alerts")["alerts"] if a["state"] == "firing"]
    assert firing == []
