"""GET /models, which tells clients what is served, and the models' own sample pictures."""

import json
import zipfile
from pathlib import Path

import pytest
import requests

from scripts import SAMPLES
from tests.archives import TWO_KINDS
from tests.deploy.exchange import ask
from tests.deploy.guarded import WITH_KEY, Guarded
from tests.service import Service, error

SECURITY = ("content-security-policy", "x-content-type-options", "referrer-policy")
SAMPLE = f"/models/{TWO_KINDS}/samples/1.jpg"


def test_what_is_served(service: Service, archive: Path) -> None:
    answer = requests.get(f"{service.url}/models", timeout=10)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-encoding"] == "gzip"
    assert all(header in answer.headers for header in SECURITY)
    assert "server" not in answer.headers
    (model,) = answer.json()["models"]
    (brief,) = requests.get(f"{service.url}/models?classes=8", timeout=10).json()["models"]
    assert brief == model | {"classes": model["classes"][:8]}
    for unclear in ("", "-1", "x", "1.5", "٣", "9" * 20):
        again = requests.get(f"{service.url}/models?classes={unclear}", timeout=10)
        assert again.json() == answer.json()
    card = json.loads(zipfile.ZipFile(archive).read("model_card.json"))
    assert (model["name"], model["ready"]) == ("resnet18", True)
    assert (model["precision"], model["architecture"]) == (card["precision"], card["architecture"])
    picture = (SAMPLES / "cat.jpg").read_bytes()
    items = service.predict(picture, params={"top_k": 1000}).json()
    named = {item["class_id"]: item for item in items}
    assert len(model["classes"]) == len(named)
    for known in model["classes"]:
        item = named[known["class_id"]]
        assert known == {name: item[name] for name in known}


def test_a_models_own_samples(two_kinds_service: Service) -> None:
    (model,) = requests.get(f"{two_kinds_service.url}/models", timeout=10).json()["models"]
    assert (model["name"], model["evaluation"]["accuracy"]) == (TWO_KINDS, 0.961)
    for listed, name in zip(model["samples"], ("cat", "coffee"), strict=True):
        answer = requests.get(two_kinds_service.url + listed["file"], timeout=10)
        assert answer.content == (SAMPLES / f"{name}.jpg").read_bytes()
        assert answer.headers["content-type"] == "image/jpeg"
        assert all(header in answer.headers for header in SECURITY)
        assert model["classes"][listed["class_id"]]["class"] == name
    for other in ("unlisted.jpg", "2.jpg", "..", "%2e%2e"):
        answer = ask(two_kinds_service, "GET", f"/models/{TWO_KINDS}/samples/{other}")
        assert error(answer) == (404, "not_found")


@pytest.mark.parametrize("target", ["/models", SAMPLE])
def test_they_are_got(two_kinds_service: Service, target: str) -> None:
    as_it_is = {"Accept-Encoding": "identity"}
    got, head = (
        requests.request(method, two_kinds_service.url + target, headers=as_it_is, timeout=10)
        for method in ("GET", "HEAD")
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = ask(two_kinds_service, method, target)
        assert error(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD"


def test_they_need_the_key(guarded: Guarded) -> None:
    """Class names and pictures are the operator's."""
    for target in ("/models", "/models/resnet18/samples/0.jpg"):
        for method in ("GET", "HEAD", "POST"):
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                answer = guarded.ask(method, target, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
    answer = guarded.ask("GET", "/models", headers=WITH_KEY)
    assert [model["name"] for model in answer.json()["models"]] == ["resnet18"]
    answer = guarded.ask("GET", "/models/resnet18/samples/0.jpg", headers=WITH_KEY)
    assert error(answer) == (404, "not_found")
