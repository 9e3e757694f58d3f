"""What commands make of TorchServe's management API."""

import pytest

from client.errors import ServiceError
from scripts.serving.management import Management
from tests.client.foreign import answer, foreign


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000])
def test_an_answer_that_is_no_json(body: bytes) -> None:
    with foreign(answer(200, body)) as server, pytest.raises(ServiceError, match="is not Torch"):
        Management(server.url, "key", "resnet18").versions()
