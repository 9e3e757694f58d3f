"""What is repeated of an answer that refuses."""

import json

import pytest

from client.classifier import Classifier
from client.errors import ServiceError
from client.http import LONGEST_MESSAGE
from scripts.serving.management import Management
from tests.client.foreign import answer, foreign

KEY = "3f9c1d2e4b5a69788796a5b4c3d2e1f0"


@pytest.mark.parametrize("before", [0, LONGEST_MESSAGE - 20, LONGEST_MESSAGE - 1])
def test_a_key_is_not_told_in_part(before: int) -> None:
    """Where a long message is cut."""
    said = {"type": KEY, "message": "." * before + KEY}
    refused = pytest.raises(ServiceError)
    with foreign(answer(401, json.dumps(said).encode())) as server, refused as caught:
        Classifier(server.url, access_key=KEY).classify(b"picture")
    assert str(caught.value).strip(".") in ("", "…")
    assert caught.value.type == "…"


def test_torchserve_s_own_key_is_not_told() -> None:
    said = json.dumps({"type": "x", "message": f"{KEY} is wrong"}).encode()
    with foreign(answer(403, said)) as server, pytest.raises(ServiceError, match="… is wrong"):
        Management(server.url, KEY, "resnet18").versions()
