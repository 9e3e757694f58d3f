"""What is counted, in the terms that deploy/torchserve/metrics.yaml declares."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from handler.errors import CorruptPicture, EmptyBody, InternalError
from handler.metrics import Metrics
from handler.model import Output
from handler.preprocessing import Preprocessed
from handler.request import Classified, Prepared
from scripts import ROOT
from tests.handler.test_model_card import CARD

DECLARED: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (ROOT / "deploy" / "torchserve" / "metrics.yaml").read_text()
)["model_metrics"]


class Recorder:
    """A metric in the place of TorchServe's: what was added, by its labels but the model's."""

    def __init__(self, dimensions: list[str]) -> None:
        self.dimensions = dimensions
        self.added: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)

    def add_or_update(self, value: float, labels: list[str]) -> None:
        assert len(labels) == len(self.dimensions)
        model, *others = labels
        assert (model, self.dimensions[0]) == ("ants_bees", "model")
        self.added[tuple(others)].append(value)


@pytest.fixture
def recorders() -> dict[str, Recorder]:
    return {
        each["name"].removeprefix("classification_"): Recorder(each["dimensions"])
        for kind in DECLARED.values()
        for each in kind
        if each["name"].startswith("classification_")
    }


@pytest.fixture
def metrics(recorders: dict[str, Recorder]) -> Metrics:
    cache = {"counter": {f"classification_{name}": each for name, each in recorders.items()}}
    context = SimpleNamespace(model_name="ants_bees", metrics=SimpleNamespace(cache=cache))
    return Metrics(context, CARD)


def classified(confidence: float, format: str = "JPEG") -> Classified:
    picture = Preprocessed(np.zeros((224, 224, 3), np.uint8), format, 0.002, 0.001)
    probabilities = np.array([1 - confidence, confidence], np.float32)
    nothing = np.empty(0, np.float32)
    output = Output(probabilities, None, nothing, nothing)
    return Classified(Prepared(picture, 3, False), output)


STAGES = {"preprocess": 0.004, "inference": 0.01, "postprocess": 0.001}
WAIT = {"queue": 0.1, "batch": 0.001}


def test_errors_are_counted_by_their_type(metrics: Metrics, recorders: dict[str, Recorder]) -> None:
    """The operator sees internal errors next to clients' mistakes."""
    results = [EmptyBody(), InternalError(), classified(0.9), CorruptPicture("PNG"), EmptyBody()]
    metrics.batch_answered(results, [{}] * 5, STAGES)
    assert recorders["refused_total"].added == {
        ("empty_body",): [2],
        ("internal_error",): [1],
        ("corrupt_picture",): [1],
    }
    assert recorders["pictures_total"].added == {("JPEG", "int8"): [1]}
    assert recorders["batch_size"].added == {("1.0",): [5]}


def test_pictures_and_their_stages(metrics: Metrics, recorders: dict[str, Recorder]) -> None:
    results = [classified(0.75), classified(0.5, "PNG")]
    metrics.batch_answered(results, [WAIT, {}], STAGES)
    assert recorders["confidence"].added == {("1.0",): [0.75, 0.5]}
    assert recorders["inference_seconds"].added == {("1.0",): [0.01]}
    assert recorders["pictures_total"].added == {("JPEG", "int8"): [1], ("PNG", "int8"): [1]}
    [total] = recorders["request_seconds"].added["1.0",]
    assert total == pytest.approx(sum(WAIT.values()) + sum(STAGES.values()))
    assert recorders["stage_items_total"].added == {
        ("queue",): [1],
        ("decode",): [2],
        ("preprocess",): [2],
        ("postprocess",): [1],
    }
    assert recorders["stage_seconds_total"].added == {
        ("queue",): [0.101],
        ("decode",): [0.004],
        ("preprocess",): [0.002],
        ("postprocess",): [0.001],
    }


def test_a_batch_without_a_picture_has_no_inference(
    metrics: Metrics, recorders: dict[str, Recorder]
) -> None:
    metrics.batch_answered([EmptyBody()], [{}], STAGES)
    assert recorders["inference_seconds"].added == {}


def test_loading_and_readiness(metrics: Metrics, recorders: dict[str, Recorder]) -> None:
    metrics.model_loaded(1.5)
    metrics.readiness_probes(2)
    assert recorders["model_load_seconds"].added == {("1.0",): [1.5]}
    assert recorders["model_loads_total"].added == {("1.0",): [1]}
    assert recorders["build_info"].added == {("1.0", "int8", "openvino", "00000000"): [1]}
    assert recorders["readiness_total"].added == {(): [2]}


def test_a_torchserve_that_declares_none() -> None:
    metrics = Metrics(SimpleNamespace(model_name="a", metrics=None), CARD)
    metrics.model_loaded(1.5)
    metrics.batch_answered([EmptyBody()], [{}], STAGES)
