"""Requests of every kind, in any order and number: each is answered as if it were alone."""

import base64
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.request import Request, lower_case
from handler.resnet18_handler import ResNet18Handler
from scripts import SAMPLES
from tests.handler.worker import Batch, Headers, Row, context_of, loaded
from tests.service import ARCHIVES

CAT = (SAMPLES / "cat.jpg").read_bytes()
GOOD: Batch = [
    ({"body": CAT}, {}),
    ({"body": (SAMPLES / "coffee.jpg").read_bytes()}, {"X-Top-K": "1"}),
    ({"file": (SAMPLES / "astronaut.jpg").read_bytes()}, {"x-top-k": "1000"}),
    ({"body": CAT}, {"explain": "True", "X-Top-K": "2"}),
    ({"body": json.dumps({"data": base64.b64encode(CAT).decode()}).encode()}, {}),
]
BAD: Batch = [
    ({}, {}),
    ({"body": b""}, {}),
    ({"body": b"hello"}, {"Content-Type": "image/jpeg"}),
    ({"body": CAT[:5000]}, {}),
    ({"body": CAT}, {"X-Top-K": "0"}),
    ({"body": b"{"}, {"X-Client-Content-Type": "application/json"}),
    ({"body": b"--x"}, {"X-Client-Content-Type": "multipart/form-data"}),
    ({"body": 7}, {}),
    ({"body": {"data": None}}, {}),
    ({"": b"\\0"}, {"": ""}),
]
DESCRIBE: tuple[Row, Headers] = ({}, {"describe": "True"})
STRANGE = st.tuples(
    st.dictionaries(st.sampled_from(["body", "data", "file", "x"]), st.binary(max_size=60)),
    st.dictionaries(st.sampled_from(["X-Top-K", "Content-Type", "Describe"]), st.text(max_size=9)),
)
REQUESTS = st.sampled_from([*GOOD, *BAD, DESCRIBE]) | STRANGE


@pytest.fixture(scope="module", params=list(ARCHIVES))
def handler(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ResNet18Handler]:
    """As TorchServe has it after it unpacked the archive."""
    directory = tmp_path_factory.mktemp(request.param)
    with zipfile.ZipFile(ARCHIVES[request.param]) as archive:
        archive.extractall(directory)
    with loaded(directory) as handler:
        yield handler


def answered(handler: ResNet18Handler, batch: Batch) -> list[Any]:
    context = context_of(Path(), [headers for _, headers in batch])
    documents = handler.handle([row for row, _ in batch], context)
    headers = [dict(context.get_response_headers(i)) for i in range(len(documents))]
    for (row, sent), fields in zip(batch, headers, strict=True):
        if not Request(0, row, lower_case(sent)).is_describe:
            assert "inference;dur=" in fields.pop("server-timing")  # it is another each time
    return [
        (document, context.get_response_status(i), headers[i])
        for i, document in enumerate(documents)
    ]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(REQUESTS, min_size=1, max_size=12))
def test_as_if_alone(handler: ResNet18Handler, batch: Batch) -> None:
    assert answered(handler, batch) == [answered(handler, [request])[0] for request in batch]
