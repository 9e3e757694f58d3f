import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handler import request
from handler.errors import ClientError
from handler.explanation import CLASSIFIER
from handler.labels import read_labels
from handler.picture import Loaded, decode, load, network_input
from handler.ranking import rank
from handler.request import Prepared, lower_case, prepare
from handler.resnet18_handler import ResNet18Handler
from scripts import export_ncnn, export_openvino
from scripts.packaging.reference import Reference, torchvision
from tests.conftest import SAMPLES

with warnings.catch_warnings():
    # ts/version.py leaves its version file to the garbage collector.
    warnings.filterwarnings("ignore", "unclosed file", ResourceWarning)
    from ts.context import Context, RequestProcessor

Row = dict[str, Any]
Headers = dict[str, Any]

LABELS = "cat\t猫\tn1\ndog\t狗\tn2\ncow\ngoat\t山羊\npig\t\tn5\n"
CARD = {
    "name": "resnet18-fp32",
    "precision": "fp32",
    "weights": {"file": "random, seed 0", "sha256": "0" * 64},
    "remark": "随机权重",
}
PICTURES = [(SAMPLES / f"{name}.jpg").read_bytes() for name in ("cat", "coffee", "astronaut")]

# Requests that are answered with an error: row, headers, status, type.
BAD: list[tuple[Row, Headers, int, str]] = [
    ({"body": PICTURES[0][:5000]}, {}, 422, "corrupt_picture"),
    ({"body": b""}, {}, 400, "empty_body"),
    ({}, {}, 400, "empty_body"),
    ({"body": b"hello"}, {}, 415, "unsupported_format"),
    ({"body": PICTURES[0]}, {"X-Top-K": "6"}, 400, "bad_top_k"),
    ({"body": b"{"}, {"X-Client-Content-Type": "application/json"}, 400, "bad_json"),
    ({"body": b"--"}, {"x-client-content-type": "multipart/form-data"}, 400, "bad_multipart"),
]
GOOD: list[tuple[Row, Headers]] = [
    ({"body": PICTURES[0]}, {}),
    ({"data": PICTURES[1]}, {"x-top-k": "5", "Content-Type": "text/plain"}),
    ({"body": PICTURES[2]}, {"X-TOP-K": "1", "describe": "a header alone is no describe call"}),
]


@pytest.fixture(scope="module")
def reference() -> Reference:
    torch.manual_seed(0)
    return Reference(torchvision.models.resnet18(num_classes=5).state_dict())


@pytest.fixture(scope="module", params=["ncnn", "openvino"])
def directory(
    request: pytest.FixtureRequest, reference: Reference, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What an archive unpacks to, as far as the handler reads it."""
    directory = tmp_path_factory.mktemp("model")
    {"ncnn": export_ncnn, "openvino": export_openvino}[request.param].export(reference, directory)
    card = json.dumps(CARD | {"engine": request.param}, ensure_ascii=False)
    (directory / "model_card.json").write_text(card, "utf-8")
    (directory / "labels.tsv").write_text(LABELS, "utf-8")
    np.save(directory / CLASSIFIER, reference.classifier)
    return directory


def context_of(directory: Path, headers: list[Headers]) -> Any:
    config = {"handler": {"top_k": 3}}
    context = Context("resnet18", str(directory), {}, 8, None, "0.12", model_yaml_config=config)
    context.request_processor = [RequestProcessor(fields) for fields in headers]
    return context


@contextmanager
def loaded(directory: Path) -> Iterator[ResNet18Handler]:
    """The handler as a worker loads it; the loggers it sets are as before afterwards."""
    handler = ResNet18Handler()
    loggers = [logging.getLogger(), logging.getLogger("ts.metrics")]
    levels = [logger.level for logger in loggers]
    handler.initialize(context_of(directory, []))
    yield handler
    handler.decoders.shutdown()
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="module")
def handler(directory: Path) -> Iterator[ResNet18Handler]:
    with loaded(directory) as handler:
        yield handler


def answers(handler: ResNet18Handler, batch: list[tuple[Row, Headers]]) -> tuple[list[Any], Any]:
    """The parsed answers to a batch, and the context that holds their statuses and headers."""
    context = context_of(Path(), [headers for _, headers in batch])
    documents = handler.handle([row for row, _ in batch], context)
    return [json.loads(document) for document in documents], context


def assert_same(items: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Equal, but for the last of six digits: it may depend on the batch's size."""
    for item, other in zip(items, expected, strict=True):
        assert item == other | {"confidence": pytest.approx(other["confidence"], abs=2e-6)}


def test_engine_agrees_with_pytorch(handler: ResNet18Handler, reference: Reference) -> None:
    pictures = np.stack([network_input(*decode(data)) for data in PICTURES])
    with torch.inference_mode():
        expected = [output.numpy() for output in reference(torch.from_numpy(pictures))]
    probabilities, maps = handler.engine.infer(pictures)
    assert probabilities == pytest.approx(expected[0], abs=1e-5)
    assert np.abs(maps - expected[1]).max() <= 1e-3 * np.abs(expected[1]).max()


@pytest.mark.parametrize("data", PICTURES, ids=["cat", "coffee", "astronaut"])
def test_answer_agrees_with_pytorch(
    handler: ResNet18Handler, reference: Reference, directory: Path, data: bytes
) -> None:
    with torch.inference_mode():
        probabilities, _ = reference(torch.tensor(network_input(*decode(data)))[None])
    expected = rank(probabilities[0].numpy(), read_labels(directory / "labels.tsv"), 3)
    [items], context = answers(handler, [({"body": data}, {})])
    assert [item["class_id"] for item in items] == [item["class_id"] for item in expected]
    assert [item["confidence"] for item in items] == pytest.approx(
        [item["confidence"] for item in expected], abs=1e-5
    )
    assert context.get_response_status(0) == (200, None)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_bad_requests_leave_their_neighbours_alone(
    handler: ResNet18Handler, order: tuple[int, ...]
) -> None:
    alone = [answers(handler, [request])[0][0] for request in GOOD]
    assert [len(items) for items in alone] == [3, 5, 1]
    # Otherwise swapped answers would go unnoticed.
    assert len({round(items[0]["confidence"], 3) for items in alone}) == 3

    batch: list[tuple[Row, Headers]] = [(row, headers) for row, headers, *_ in BAD]
    places = dict(zip((0, 4, len(BAD) + 2), order, strict=True))  # first, among bad ones, last
    for place, good in places.items():
        batch.insert(place, GOOD[good])
    errors = iter(BAD)

    documents, context = answers(handler, batch)

    for i, document in enumerate(documents):
        assert context.get_response_content_type(i) == "application/json"
        assert context.get_response_headers(i)["x-model"] == CARD["name"]
        if i in places:
            assert_same(document, alone[places[i]])
            assert context.get_response_status(i)[0] == 200
        else:
            *_, status, type = next(errors)
            assert (document["code"], document["type"]) == (status, type)
            assert set(document) == {"code", "type", "message"}
            assert context.get_response_status(i)[0] == status
            assert context.get_response_status(i)[1].isascii()
    assert next(errors, None) is None


def test_a_batch_without_a_good_picture(handler: ResNet18Handler) -> None:
    documents, _ = answers(handler, [(row, headers) for row, headers, *_ in BAD])
    assert [document["type"] for document in documents] == [type for *_, type in BAD]


def test_an_unexpected_exception_stays_with_its_request(
    handler: ResNet18Handler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [expected], _ = answers(handler, GOOD[:1])

    # A picture that brought this about would be a bug to mend: the fault has to be injected.
    def faulty(data: bytes, exact: bool) -> Loaded:
        if data == PICTURES[1]:
            raise KeyError("a fault in a library")
        return load(data, exact)

    monkeypatch.setattr(request, "load", faulty)
    (bad, good), context = answers(handler, [GOOD[1], GOOD[0]])

    assert (bad["code"], bad["type"]) == (500, "internal_error")
    assert "fault" not in bad["message"]
    assert "a fault in a library" in caplog.text
    assert context.get_response_status(0)[0] == 500
    assert_same(good, expected)


def test_memory_error_is_torchserves(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(data: bytes, exact: bool) -> Loaded:
        raise MemoryError

    monkeypatch.setattr(request, "load", exhausted)
    with pytest.raises(MemoryError):
        prepare({"body": PICTURES[0]}, {}, 3, 5)


def test_describe_beside_a_prediction(handler: ResNet18Handler) -> None:
    (card, items), context = answers(handler, [({}, {"describe": "True"}), GOOD[1]])
    assert card == handler.card
    assert card["weights"] == CARD["weights"]
    assert context.get_response_status(0)[0] == 200
    assert len(items) == 5


def test_chinese_is_sent_as_utf_8(handler: ResNet18Handler) -> None:
    context = context_of(Path(), [{"x-top-k": "5"}])
    [document] = handler.handle([{"body": PICTURES[0]}], context)
    assert isinstance(document, bytes)
    assert "猫".encode() in document
    names = {item["class"]: item["class_zh"] for item in json.loads(document)}
    assert names == {"cat": "猫", "dog": "狗", "cow": None, "goat": "山羊", "pig": None}


def test_headers_of_multipart_fields_are_no_top_k() -> None:
    # A form field called x-top-k reaches the handler as a dict among the headers.
    headers: Headers = {"X-Top-K": {"name": "x-top-k"}, "Content-Type": "image/jpeg"}
    assert lower_case(headers) == {"content-type": "image/jpeg"}


def test_prepare_prefers_the_clients_content_type() -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "PNG")
    form = b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n%b\r\n--x--'
    headers = {
        "content-type": "application/octet-stream",
        "x-client-content-type": "multipart/form-data; boundary=x",
    }
    prepared = prepare({"body": form % file.getvalue()}, headers, 3, 5)
    assert isinstance(prepared, Prepared)
    assert prepared.top_k == 3
    assert prepared.picture.pixels.reshape(-1, 3).tolist() == [[255, 0, 0]] * (224 * 224)


def test_prepare_returns_the_clients_error() -> None:
    error = prepare({"body": b"hello"}, {}, 3, 5)
    assert isinstance(error, ClientError)
    assert error.as_dict()["code"] == 415
