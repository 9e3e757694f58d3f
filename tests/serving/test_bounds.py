"""The table of bounds: its copies in literal files, and what must be less than what."""

import re

import pytest
import yaml
from ts.model_server import load_properties

from client import classifier, shrinking
from handler import parameters, quarantine
from scripts import ROOT
from scripts.serving import bounds as b
from scripts.serving.gateway_files import TEMPLATE, _bounds

MODEL = yaml.safe_load((ROOT / "handler" / "model-config.yaml").read_text())
SERVER = load_properties(str(ROOT / "config.properties"))
PROMETHEUS = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())
# The share of its heap from which the gateway takes no more requests.
(FULL,) = re.findall(r"stop_accepting_requests\n.*value: ([\d.]+)", TEMPLATE.read_text())
ENVOY_ITSELF = 100_000_000  # bytes: what it needs besides bodies
PAGE = (ROOT / "web_client" / "js" / "api.js").read_text()

# Each must be less than the next.
CHAINS = {
    "a worker is replaced, the request dropped, asked again, waited for": (
        b.RESPONSE,
        b.QUEUE,
        b.ANSWER,
        b.WAIT,
    ),
    "who waits as long as it may still has time for two tries": (
        b.WAIT + b.RESPONSE + b.ANSWER - 1,
        b.REPLAY,
        b.LARGE_REPLAY,
        b.IDLE_STREAM,
        b.IDLE_CONNECTION,
    ),
    "a large picture may wait for its door, and then to be sent": (b.WAIT, b.REQUEST_BODY),
    "a client is still there when it has waited as long as it may": (
        b.WAIT,
        classifier.TIMEOUT,
        b.REQUEST_BODY,  # the page's own
    ),
    "all tries of a client last longer than those for one of its smaller pictures": (
        b.REPLAY,
        classifier.TIMEOUT + classifier.PATIENCE,
    ),
    "a short stop fills no queue": (b.LARGE_WAITING_AT_LEAST, b.WAITING_AT_LEAST, b.WAITING),
    "clients find a connection before they find no place": (
        b.LARGE_WAITING,
        b.WAITING,
        b.CONNECTIONS,
    ),
    "a look at the queues ends before the next": (b.NUDGE, b.ORDER_EVERY),
    "as many large bodies as are always read fit the memory for them": (
        b.LARGE_AT_ONCE * b.BODY,
        b.LARGE_MEMORY,
        b.LARGE_AT_MOST * b.BODY,
    ),
    "the most, a full queue and the gateway itself fit the heap": (
        b.LARGE_AT_MOST * b.BODY + b.WAITING * b.LARGE_BODY + ENVOY_ITSELF,
        float(FULL) * b.GATEWAY_HEAP,
    ),
    "a slow loader is no failed start": (b.STARTUP, b.READY),
    "requests in flight end before their process is killed": (b.IN_FLIGHT, b.PROCESS_STOP),
    "both processes end before stop gives up": (2 * b.PROCESS_STOP, b.SERVICE_STOP),
    "a probe hears that its worker was replaced": (b.RESPONSE + b.QUEUE, b.PROBE),
    "a worker that stands still is told within 15 s": (
        b.PROBE_AGAIN + b.RESPONSE,
        b.LATELY,
        b.PROBE_EVERY + b.RESPONSE,
        15 - b.PROBE_AGAIN,
    ),
    "TorchServe replaces a worker before it is ended itself": (
        b.RESPONSE + b.QUEUE + b.LATELY,
        b.NOTHING_SUCCEEDED,
    ),
    "a load is judged by its own time": (b.NOTHING_SUCCEEDED, b.STARTUP),
    "scaling waits for a worker to load": (b.STARTUP, b.MANAGEMENT),
    "a scrape ends before Prometheus gives up": (b.SCRAPE, b.SCRAPE_PROMETHEUS),
    "the gateway hears from the supervisor before others give up": (
        b.READY_ANSWER,
        b.GATEWAY_CHECK,
        b.STATUS,
    ),
    "TorchServe's queue has room for a batch, and for the probe": (
        MODEL["batchSize"] - 1,
        b.QUEUE_PLACES - b.SPARE_PLACES,
        b.QUEUE_PLACES,
    ),
    "the gateway refuses a body before TorchServe does": (b.LARGE_BODY, b.BODY, b.TORCHSERVE_BODY),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_order(chain: str) -> None:
    values = CHAINS[chain]
    assert list(values) == sorted(set(values))


def test_what_the_archive_says() -> None:
    assert MODEL["responseTimeout"] == b.RESPONSE > quarantine.LATE
    assert MODEL["clientTimeoutInMills"] == b.QUEUE * 1000
    assert MODEL["startupTimeout"] == b.STARTUP


def test_what_the_handler_reads_of_a_query() -> None:
    assert parameters.MAX_QUERY == b.QUERY


def test_what_torchserve_is_told() -> None:
    assert int(SERVER["job_queue_size"]) == b.QUEUE_PLACES
    assert int(SERVER["max_request_size"]) == b.TORCHSERVE_BODY


def test_what_prometheus_does() -> None:
    """Its default of 10 s holds where the file says nothing else."""
    assert "scrape_timeout" not in str(PROMETHEUS)
    assert b.SCRAPE_PROMETHEUS == 10


def test_the_page_waits_as_long_as_a_body_may_take() -> None:
    assert f"const TIME_LIMIT = {b.REQUEST_BODY * 1000:_.0f};" in PAGE


def test_the_client_makes_larger_ones_smaller() -> None:
    assert shrinking.LARGEST_BODY == b.BODY


def test_the_gateway_has_no_bound_of_its_own() -> None:
    text = TEMPLATE.read_text()
    own = re.findall(r"(\w+): [\d.]+s\b", text)
    assert set(own) <= {
        *("base_interval", "max_interval"),  # between two tries
        *("connect_timeout", "refresh_interval", "memory_release_interval", "drain_timeout"),
        *("timer_interval", "miss_timeout", "megamiss_timeout"),
    }
    assert [name for name in _bounds() if f"${{{name}}}" not in text] == []
