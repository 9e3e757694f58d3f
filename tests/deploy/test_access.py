"""What answers at all, and by which names it may be asked."""

import pytest
import requests

from scripts import SAMPLES
from tests.deploy.exchange import ask
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()
NOT_FOUND, NO_METHOD = (404, "not_found"), (405, "method_not_allowed")
NO_HTTP = (400, "bad_request")


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cconfig.properties",
        "/samples/../../config.properties",
        "/samples/%2e%2e/%2e%2e/config.properties",
        "/%252e%252e/config.properties",
        "/config.properties",
        "/.git/config",
        "/%2egit/config",
        "/.run/inference.key",
        "/../.run/inference.key",
        "/samples",
        "/samples/",
        "/models/",
        "//models",
        "/%2fmodels",
        "/models;x",
        "/models/resnet18",
        "/models/resnet18/all",
        "/models/resnet18/samples",
        "/models/resnet18/samples/",
        "/models/resnet18/samples/../../resnet18",
        "/models/resnet18/samples/%2e%2e",
        "/models/resnet18/samples/a%2fb",
        "/models/resnet18/1.0/samples/0.jpg",
        "/workflows",
        "/wfpredict/x",
        "/invocations",
        "/explanations",
        "/explanations/nothing",
        "/explanations/resnet18/9.9",
        "/explanations/../models",
        "/explanations/%2e%2e/models",
        "/v1/models/resnet18:predict",
        "/v2/models/resnet18/infer",
        "/api-description",
        "/metrics",
        "/token?type=inference",
        "/predictions",
        "/predictions/",
        "/predictions/nothing",
        "/predictions/RESNET18",
        "/predictions/resnet18/9.9",
        "/predictions/resnet18/1.0/x",
        "/predictions/resnet18/1.0/..",
        "/predictions/a/b/c/d",
        "/predictions//resnet18",
        "//predictions/resnet18",
        "/./predictions/resnet18",
        "/predictions/./resnet18",
        "/predictions/../models",
        "/predictions/%2e%2e/models",
        "/predictions/..%2fmodels",
        "/predictions/..%5cmodels",
        "/predictions/%252e%252e/models",
        "/predictions/resnet18/../../models",
        "/predictions/resnet18/%2e%2e/%2e%2e/models",
        "/predictions%5cresnet18",
        "/predictions/a%20b",
        "/predictions/%00",
        "/predictions/resnet18%00",
        "/predictions/a%0d%0ab",
        "/predictions/%ff",
        "/predictions/é",
        "/predictions/%c3%a9",
        "/predictions/resnet18;x=1",
        "/predictions/" + "a" * 2000,
    ],
    ids=lambda target: target[:50],
)
def test_only_what_is_named_answers(service: Service, target: str) -> None:
    assert error(ask(service, "GET", target)) in (NOT_FOUND, NO_METHOD, NO_HTTP)
    assert error(ask(service, "POST", target, body=b"no picture")) in (NOT_FOUND, NO_HTTP)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "target", ["/predictions/resnet18", "/predictions/nothing/9.9", "/explanations/resnet18"]
)
def test_predictions_are_posted(service: Service, method: str, target: str) -> None:
    answer = ask(service, method, target)
    assert error(answer) == NO_METHOD
    assert answer.headers["allow"] == "POST, PUT"


@pytest.mark.parametrize(
    ("what", "times"),
    [("path", 8000), ("query", 8000), ("header", 9000), ("header", 100_000), ("top_k", 9000)],
)
def test_long_requests_are_answered_at_once(service: Service, what: str, times: int) -> None:
    """TorchServe refuses lines of over 4,096 bytes and headers of over 8,192 in all."""
    long = "a" * times
    answer = ask(
        service,
        "POST",
        {
            "path": f"/predictions/{long}",
            "query": f"/predictions/resnet18?a={long}",
        }.get(what, "/predictions/resnet18"),
        {"header": f"X-A: {long}\r\n", "top_k": f"X-Top-K: {long}\r\n"}.get(what, ""),
        CAT,
    )
    assert answer.status_code == 200 or 400 <= answer.status_code < 500


ALLOWED_NAMES = ["127.0.0.1", "10.1.2.3:8000", "[::1]", "[::1]:8000", "localhost", "LocalHost:80"]


@pytest.mark.parametrize("name", ALLOWED_NAMES)
@pytest.mark.parametrize("target", ["/", "/ping", "/ready"])
def test_addresses_and_localhost_may_be_asked(service: Service, name: str, target: str) -> None:
    assert ask(service, "GET", target, host=name).status_code == 200
    if target == "/":
        assert ask(service, "POST", "/predictions/resnet18", body=CAT, host=name).ok


@pytest.mark.parametrize(
    "name",
    [
        "evil.test",
        "evil.test:8000",
        "localhost.evil.test",
        "notlocalhost",
        "a.localhost",
        "localhost,evil.test",
        "127.0.0.1.evil.test",
        "evil.test:127.0.0.1",
        "evil.test:",
        "[evil.test]",
        "[evil.test]:8000",
        "0x7f000001",
        "*",
    ],
)
def test_other_names_may_not(service: Service, name: str) -> None:
    """Of pages elsewhere whose name is given this address (DNS rebinding)."""
    for target in ("/", "/ping", "/ready", "/index.html", "/nothing"):
        assert error(ask(service, "GET", target, host=name)) == (421, "wrong_host")
    answer = ask(service, "POST", "/predictions/resnet18", body=CAT, host=name)
    assert error(answer) == (421, "wrong_host")


@pytest.mark.parametrize("kind", ["predictions", "explanations"])
def test_which_methods_are_allowed_is_told_in_words_too(service: Service, kind: str) -> None:
    answer = requests.delete(f"{service.url}/{kind}/resnet18", timeout=10)
    methods = answer.headers["allow"].split(", ")
    assert f"Use {' or '.join(methods)} with" in answer.json()["message"]
    assert f"/{kind}/resnet18" in answer.json()["message"]
