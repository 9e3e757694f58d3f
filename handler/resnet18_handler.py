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
from handler.errors import ClientError, CondemnedPicture
from handler.explanation import CLASSIFIER, explain
from handler.labels import read_labels
from handler.metrics import Metrics
from handler.picture import CROP
from handler.quarantine import Quarantine, digest
from handler.ranking import rank
from handler.request import ARRIVAL, READINESS, Classified, Prepared, lower_case, prepare
from handler.timing import Timing, server_timing

logger = logging.getLogger(__name__)

Card = dict[str, Any]
Outcome = Prepared | ClientError | Card
Result = Classified | ClientError | Card


class ResNet18Handler:
    """ImageNet preprocessing and top-k postprocessing around the archive's engine."""

    def initialize(self, context: Any) -> None:
        """Load and warm up, once a worker."""
        started = time.perf_counter()
        directory = Path(context.system_properties["model_dir"])
        self.top_k = int(context.model_yaml_config["handler"]["top_k"])
        self.card: Card = json.loads((directory / "model_card.json").read_text("utf-8"))
        self.labels = read_labels(directory / "labels.tsv")
        # Mapped: of 2 MB an explanation reads the rows of its classes.
        self.classifier: Floats = np.load(directory / CLASSIFIER, mmap_mode="r")
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
        self.metrics = Metrics(context, self.card)
        self.metrics.loaded(time.perf_counter() - started)
        self.idle_since = time.time()

    def warm_up(self) -> None:
        """The first inference allocates what later ones reuse: not while a client waits."""
        started = time.perf_counter()
        self.engine.infer(np.zeros((1, CROP, CROP, 3), np.uint8))
        logger.info("First inference took %.0f ms", (time.perf_counter() - started) * 1e3)

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer a batch; what is wrong with one request stays with that request."""
        timing = Timing(self.idle_since)
        headers = [lower_case(context.get_all_request_header(i)) for i in range(len(data))]
        results = self.results(data, headers, timing)
        with timing.share("postprocess"):
            answers = self.postprocess(results, context)
        self.account(results, headers, timing, context)
        self.idle_since = time.time()
        return answers

    def results(
        self, data: list[dict[str, Any]], headers: Sequence[dict[str, str]], timing: Timing
    ) -> list[Result]:
        """What becomes of each request; those that may kill their worker go alone."""
        digests = [digest(row) for row in data]
        groups, condemned = self.quarantine.groups(digests)
        results: dict[int, Result] = {i: CondemnedPicture() for i in condemned}
        for group in groups:  # nearly always one
            with self.quarantine.at_work([digests[i] for i in group]):
                with timing.share("preprocess"):
                    rows = [data[i] for i in group]
                    outcomes = self.preprocess(rows, [headers[i] for i in group])
                with timing.share("inference"):
                    results.update(zip(group, self.inference(outcomes), strict=True))
        return [results[i] for i in range(len(data))]

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
        pictures = [o.picture.pixels for o in outcomes if isinstance(o, Prepared)]
        outputs = zip(*self.engine.infer(np.stack(pictures)), strict=True) if pictures else iter(())

        def result(outcome: Outcome) -> Result:
            if not isinstance(outcome, Prepared):
                return outcome
            # Copied: an engine may use the memory again for the next batch.
            probabilities, feature_maps = next(outputs)
            maps = feature_maps.copy() if outcome.explain else None
            return Classified(outcome, probabilities.copy(), maps)

        return [result(outcome) for outcome in outcomes]

    def postprocess(self, results: Sequence[Result], context: Any) -> list[bytes]:
        """A JSON document and a status for each request of the batch."""
        answers = []
        for i, result in enumerate(results):
            context.set_response_content_type(i, "application/json")
            # By this header the gateway tells the handler's answers from TorchServe's own.
            context.set_response_header(i, "x-model", self.card["name"])
            answer: Any = result
            if isinstance(result, Classified):
                answer = rank(result.probabilities, self.labels, result.request.top_k)
                if result.feature_maps is not None:
                    answer = explain(answer, result.feature_maps, self.classifier)
            elif isinstance(result, ClientError):
                context.set_response_status(result.status, result.phrase, i)
                answer = result.as_dict()
            answers.append(json.dumps(answer, ensure_ascii=False).encode())
        return answers

    def account(
        self,
        results: Sequence[Result],
        headers: Sequence[dict[str, str]],
        timing: Timing,
        context: Any,
    ) -> None:
        """Tell each client where its time went, and count for the operator."""
        waits = [timing.waits(fields.get(ARRIVAL, "")) for fields in headers]
        for i, (result, wait) in enumerate(zip(results, waits, strict=True)):
            shares = wait | timing.shares
            if isinstance(result, Classified):
                # A part of preprocess, in which the whole batch is decoded.
                shares["decode"] = result.request.picture.decode
            context.set_response_header(i, "server-timing", server_timing(shares))
        # The gateway's own questions would look like traffic.
        asked = [i for i, fields in enumerate(headers) if READINESS not in fields]
        if asked:
            self.metrics.batch(
                [results[i] for i in asked], [waits[i] for i in asked], timing.shares
            )
        if len(asked) < len(headers):
            self.metrics.readiness(len(headers) - len(asked))
