"""The module TorchServe loads: it defines exactly one class, as TorchServe's loader demands."""

import json
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from handler import engines
from handler.engines import Floats
from handler.errors import ClientError
from handler.labels import read_labels
from handler.picture import CROP
from handler.ranking import rank
from handler.request import Prepared, lower_case, prepare

logger = logging.getLogger(__name__)

Outcome = Prepared | ClientError | dict[str, Any]  # the dict is the model card


class ResNet18Handler:
    """ImageNet preprocessing and top-k postprocessing around the archive's engine."""

    def initialize(self, context: Any) -> None:
        """Load and warm up, once a worker."""
        directory = Path(context.system_properties["model_dir"])
        self.top_k = int(context.model_yaml_config["handler"]["top_k"])
        self.card: dict[str, Any] = json.loads((directory / "model_card.json").read_text("utf-8"))
        self.labels = read_labels(directory / "labels.tsv")
        # At fp32 the answers are PyTorch's, close calls included; int8 itself differs by more.
        self.exact = self.card["precision"] == "fp32"
        threads = int(os.environ.get("THREADS") or len(os.sched_getaffinity(0)))
        self.engine = engines.load(self.card["engine"], directory, threads)
        self.decoders = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self.warm_up()
        logger.info(
            "Ready on cpu with %d threads: precision %s, engine %s, weights %s (sha256 %s), "
            "%d classes",
            threads,
            self.card["precision"],
            self.card["engine"],
            self.card["weights"]["file"],
            self.card["weights"]["sha256"],
            len(self.labels),
        )
        # TorchServe logs a line for every batch on the root logger. Its metrics are log lines too.
        logging.getLogger("ts.metrics").setLevel(logging.INFO)
        logging.getLogger().setLevel(logging.WARNING)

    def warm_up(self) -> None:
        """The first inference allocates what later ones reuse: not while a client waits."""
        started = time.perf_counter()
        self.engine.infer(np.zeros((1, CROP, CROP, 3), np.uint8))
        logger.info("First inference took %.0f ms", (time.perf_counter() - started) * 1e3)

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer a batch; what is wrong with one request stays with that request."""
        headers = [lower_case(context.get_all_request_header(i)) for i in range(len(data))]
        outcomes = self.preprocess(data, headers)
        probabilities = self.inference(outcomes)
        return self.postprocess(outcomes, probabilities, context)

    def preprocess(
        self, data: Sequence[dict[str, Any]], headers: Sequence[dict[str, str]]
    ) -> list[Outcome]:
        """Decode the batch in parallel."""

        def outcome(row: dict[str, Any], fields: dict[str, str]) -> Outcome:
            # The describe API asks with this header and nothing else.
            if not row and "describe" in fields:
                return self.card
            return prepare(row, fields, self.top_k, len(self.labels), self.exact)

        parallel = self.decoders.map if len(data) > 1 else map
        return list(parallel(outcome, data, headers))

    def inference(self, outcomes: Sequence[Outcome]) -> Floats:
        """Probabilities float32 [good pictures, classes], in the order of the batch."""
        pictures = [outcome.pixels for outcome in outcomes if isinstance(outcome, Prepared)]
        if not pictures:
            return np.empty((0, len(self.labels)), np.float32)
        probabilities, _ = self.engine.infer(np.stack(pictures))
        return probabilities

    def postprocess(
        self, outcomes: Sequence[Outcome], probabilities: Floats, context: Any
    ) -> list[bytes]:
        """A JSON document and a status for each request of the batch."""
        rows = iter(probabilities)
        answers = []
        for i, outcome in enumerate(outcomes):
            context.set_response_content_type(i, "application/json")
            # By this header the gateway tells the handler's answers from TorchServe's own.
            context.set_response_header(i, "x-model", self.card["name"])
            answer: Any = outcome
            if isinstance(outcome, Prepared):
                answer = rank(next(rows), self.labels, outcome.top_k)
            elif isinstance(outcome, ClientError):
                context.set_response_status(outcome.status, outcome.phrase, i)
                answer = outcome.as_dict()
            answers.append(json.dumps(answer, ensure_ascii=False).encode())
        return answers
