"""The module that TorchServe calls: batches of any make-up, answered one by one."""

import json
import shutil
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handler.decoding import decode
from handler.explanation import CLASSIFIER
from handler.labels import read_labels
from handler.model_card import ModelCard, write_model_card
from handler.preprocessing import Preprocessed, Preprocessor
from handler.ranking import rank
from handler.resizing import network_input
from handler.resnet18_handler import ResNet18Handler
from scripts import SAMPLES
from scripts.packaging import export_ncnn, export_openvino
from scripts.packaging.reference import Reference, torchvision
from tests.handler.test_model_card import CARD as INT8_CARD
from tests.handler.worker import Batch, Headers, Row, answers, context_of, loaded

LABELS = "cat\t猫\tn1\ndog\t狗\tn2\ncow\ngoat\t山羊\npig\t\tn5\n"
CARD: ModelCard = {**INT8_CARD, "name": "resnet18-fp32", "precision": "fp32"}
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
GOOD: Batch = [
    ({"body": PICTURES[0]}, {}),
    ({"data": PICTURES[1]}, {"x-top-k": "5", "Content-Type": "text/plain"}),
    ({"body": PICTURES[2]}, {"X-TOP-K": "1", "describe": "a header alone is no describe call"}),
]


@pytest.fixture(scope="module")
def reference() -> Reference:
    torch.manual_seed(0)
    return Reference(torchvision.models.resnet18(num_classes=5).state_dict())


@pytest.fixture(scope="module", params=["ncnn", pytest.param("openvino", marks=pytest.mark.slow)])
def directory(
    request: pytest.FixtureRequest, reference: Reference, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What an archive unpacks to, as far as the handler reads it."""
    directory = tmp_path_factory.mktemp("model")
    {"ncnn": export_ncnn, "openvino": export_openvino}[request.param].export(reference, directory)
    write_model_card({**CARD, "engine": request.param}, directory)
    (directory / "labels.tsv").write_text(LABELS, "utf-8")
    np.save(directory / CLASSIFIER, reference.classifier)
    return directory


@pytest.fixture(scope="module")
def handler(directory: Path) -> Iterator[ResNet18Handler]:
    with loaded(directory) as handler:
        yield handler


def assert_same(items: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Equal, but for the last of six digits: it may depend on the batch's size."""
    for item, other in zip(items, expected, strict=True):
        assert item == other | {"confidence": pytest.approx(other["confidence"], abs=2e-6)}


def test_engine_agrees_with_pytorch(handler: ResNet18Handler, reference: Reference) -> None:
    pictures = np.stack([network_input(*decode(data)) for data in PICTURES])
    with torch.inference_mode():
        expected = [output.numpy() for output in reference(torch.from_numpy(pictures))]
    probabilities, maps = handler.model.engine.infer(pictures)
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


def test_labels_without_probabilities_do_not_load(directory: Path, tmp_path: Path) -> None:
    """Nor does an engine that gives none at all, as OpenVINO can on ARM."""
    copy = shutil.copytree(directory, tmp_path / "model")
    (copy / "labels.tsv").write_text(LABELS + "horse\n", "utf-8")
    with pytest.raises(ValueError, match=r"gives 5 probabilities .* for 6 labels"), loaded(copy):
        pass


@pytest.fixture(scope="module")
def single_answers(handler: ResNet18Handler) -> list[Any]:
    """Those to the good requests, each in a batch of its own."""
    return [answers(handler, [request])[0][0] for request in GOOD]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_bad_requests_leave_their_neighbours_alone(
    handler: ResNet18Handler, single_answers: list[Any], order: tuple[int, ...]
) -> None:
    assert [len(items) for items in single_answers] == [3, 5, 1]
    # Otherwise swapped answers would go unnoticed.
    assert len({round(items[0]["confidence"], 3) for items in single_answers}) == 3

    batch: Batch = [(row, headers) for row, headers, *_ in BAD]
    places = dict(zip((0, 4, len(BAD) + 2), order, strict=True))  # first, among bad ones, last
    for place, good in places.items():
        batch.insert(place, GOOD[good])
    errors = iter(BAD)

    documents, context = answers(handler, batch)

    for i, document in enumerate(documents):
        assert context.get_response_content_type(i) == "application/json"
        assert context.get_response_headers(i)["x-model"] == CARD["name"]
        if i in places:
            assert_same(document, single_answers[places[i]])
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
    def faulty(data: bytes) -> Preprocessed:
        if data == PICTURES[1]:
            raise KeyError("a fault in a library")
        return Preprocessor(exact=True)(data)

    monkeypatch.setattr(handler.model, "preprocess", faulty)
    (bad, good), context = answers(handler, [GOOD[1], GOOD[0]])

    assert (bad["code"], bad["type"]) == (500, "internal_error")
    assert "fault" not in bad["message"]
    assert "a fault in a library" in caplog.text
    assert context.get_response_status(0)[0] == 500
    assert_same(good, expected)


class BrokenMetrics:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise OSError("the metrics are broken")


def test_answers_that_are_ready_are_given_whatever_becomes_of_the_metrics(
    handler: ResNet18Handler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = [GOOD[0], ({"body": b"hello"}, {}), GOOD[1]]
    expected, _ = answers(handler, batch)
    assert not caplog.messages
    monkeypatch.setattr(handler, "metrics", BrokenMetrics())
    idle_since = handler.idle_since

    documents, context = answers(handler, batch)

    for document, other in zip(documents, expected, strict=True):
        assert document == other
    assert [context.get_response_status(i)[0] for i in range(3)] == [200, 415, 200]
    [line] = caplog.messages
    assert line.startswith("Reporting a batch's times and metrics failed: ")
    assert "OSError: the metrics are broken" in line
    assert handler.idle_since > idle_since


def test_describe_beside_predictions(handler: ResNet18Handler) -> None:
    describe: tuple[Row, Headers] = ({}, {"describe": "True"})
    expected, _ = answers(handler, GOOD)
    documents, context = answers(handler, [describe, GOOD[0], GOOD[1], describe, GOOD[2]])
    assert documents[0] == documents[3] == handler.model.card
    for place, other in zip((1, 2, 4), expected, strict=True):
        assert_same(documents[place], other)
    for i in range(5):
        assert context.get_response_status(i)[0] == 200
        assert context.get_response_content_type(i) == "application/json"
        assert context.get_response_headers(i)["x-model"] == CARD["name"]


def test_describe_is_no_prediction(
    handler: ResNet18Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It meets neither the engine nor the metrics, and its time is not a prediction's."""
    monkeypatch.setattr(handler.model, "engine", None)
    monkeypatch.setattr(handler, "metrics", None)
    documents, context = answers(handler, [({}, {"Describe": "True"})])
    assert documents == [handler.model.card]
    assert "server-timing" not in context.get_response_headers(0)


def test_chinese_is_sent_as_utf_8(handler: ResNet18Handler) -> None:
    context = context_of(Path(), [{"x-top-k": "5"}])
    [document] = handler.handle([{"body": PICTURES[0]}], context)
    assert isinstance(document, bytes)
    assert "猫".encode() in document
    names = {item["class"]: item["class_zh"] for item in json.loads(document)}
    assert names == {"cat": "猫", "dog": "狗", "cow": None, "goat": "山羊", "pig": None}
