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
from handler.errors import ClientError, CondemnedPicture
from handler.labels import read_labels
from handler.picture import CROP
from handler.quarantine import Quarantine, digest
from handler.ranking import rank
from handler.request import Classified, Prepared, lower_case, prepare

logger = logging.getLogger(__name__)

Card = dict[str, Any]
Outcome = Prepared | ClientError | Card
Result = Classified | ClientError | Card


class ResNet18Handler:
    """ImageNet preprocessing and top-k postprocessing around the archive's engine."""

    def initialize(self, context: Any) -> None:
        """Load and warm up, once a worker."""
        directory = Path(context.system_properties["model_dir"])
        self.top_k = int(context.model_yaml_config["handler"]["top_k"])
        self.card: Card = json.loads((directory / "model_card.json").read_text("utf-8"))
        self.labels = read_labels(directory / "labels.tsv")
        # At fp32 the answers are PyTorch's, close calls included; int8 itself differs by more.
        self.exact = self.card["precision"] == "fp32"
        threads = int(os.environ.get("THREADS") or len(os.sched_getaffinity(0)))
        self.engine = engines.load(self.card["engine"], directory, threads)
        self.quarantine = Quarantine(directory / "quarantine")
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
        digests = [digest(row) for row in data]
        groups, condemned = self.quarantine.groups(digests)
        results: dict[int, Result] = {i: CondemnedPicture() for i in condemned}
        for group in groups:  # nearly always one
            with self.quarantine.at_work([digests[i] for i in group]):
                outcomes = self.preprocess([data[i] for i in group], [headers[i] for i in group])
                results.update(zip(group, self.inference(outcomes), strict=True))
        return self.postprocess([results[i] for i in range(len(data))], context)

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

    def inference(self, outcomes: Sequence[Outcome]) -> list[Result]:
        """Each picture classified; what is none stays as it is."""
        pictures = [outcome.pixels for outcome in outcomes if isinstance(outcome, Prepared)]
        # Copied: an engine may use the memory again for the next batch.
        rows = iter(self.engine.infer(np.stack(pictures))[0].copy() if pictures else ())
        return [
            Classified(next(rows), outcome.top_k) if isinstance(outcome, Prepared) else outcome
            for outcome in outcomes
        ]

    def postprocess(self, results: Sequence[Result], context: Any) -> list[bytes]:
        """A JSON document and a status for each request of the batch."""
        answers = []
        for i, result in enumerate(results):
            context.set_response_content_type(i, "application/json")
            # By this header the gateway tells the handler's answers from TorchServe's own.
            context.set_response_header(i, "x-model", self.card["name"])
            answer: Any = result
            if isinstance(result, Classified):
                answer = rank(result.probabilities, self.labels, result.top_k)
            elif isinstance(result, ClientError):
                context.set_response_status(result.status, result.phrase, i)
                answer = result.as_dict()
            answers.append(json.dumps(answer, ensure_ascii=False).encode())
        return answers
