"""The module TorchServe loads: it defines exactly one class, as TorchServe's loader demands."""

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handler.errors import CondemnedPicture, RequestError
from handler.explanation import explain
from handler.logs import log_failure
from handler.metrics import Metrics
from handler.model import Model
from handler.payload import Payload
from handler.quarantine import Quarantine, digest
from handler.ranking import Item, rank
from handler.request import (
    ARRIVAL,
    READINESS,
    Classified,
    Prepared,
    Request,
    Result,
    lower_case,
    prepare,
    read,
)
from handler.team import Team
from handler.timing import Timing, server_timing

logger = logging.getLogger(__name__)


class ResNet18Handler:
    """The archive's preprocessing and top-k postprocessing around the archive's engine."""

    def initialize(self, context: Any) -> None:
        """Load and warm up, once per worker."""
        started = time.perf_counter()
        directory = Path(context.system_properties["model_dir"])
        self.top_k = int(context.model_yaml_config["handler"]["top_k"])
        threads = int(os.environ.get("THREADS") or len(os.sched_getaffinity(0)))
        self.model = Model(directory, threads)
        self.quarantine = Quarantine(directory / "quarantine")
        self.decoders = Team(threads, "decode")
        card = self.model.card
        logger.info(
            "Ready on cpu with %d threads: precision %s, engine %s, weights %s (sha256 %s), "
            "%d classes",
            threads,
            card["precision"],
            card["engine"],
            card["weights"]["file"],
            card["weights"]["sha256"],
            len(self.model.labels),
        )
        # TorchServe logs a line for every batch on the root logger. Its metrics are log lines too.
        logging.getLogger("ts.metrics").setLevel(logging.INFO)
        logging.getLogger().setLevel(logging.WARNING)
        self.metrics = Metrics(context, card)
        self.metrics.model_loaded(time.perf_counter() - started)
        self.idle_since = time.time()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer a batch, in which TorchServe mixes predictions and describe requests."""
        requests = [
            Request(i, row, lower_case(context.get_all_request_header(i)))
            for i, row in enumerate(data)
        ]
        predictions = [request for request in requests if not request.is_describe]
        answers = iter(self.predict(predictions, context) if predictions else ())
        card = self.model.card
        return [
            self.respond(request, card, context) if request.is_describe else next(answers)
            for request in requests
        ]

    def predict(self, requests: Sequence[Request], context: Any) -> list[bytes]:
        """Classify pictures; what is wrong with one request stays with that request."""
        timing = Timing(self.idle_since)
        results = self.classify(requests, timing)
        with timing.stage("postprocess"):
            answers = self.postprocess(requests, results, context)
        try:
            self.report(requests, results, timing, context)
        except Exception:  # no reason to withhold answers that are ready
            log_failure("Reporting a batch's times and metrics failed")
        self.idle_since = time.time()
        return answers

    def classify(self, requests: Sequence[Request], timing: Timing) -> list[Result]:
        """A result for each request; those that may kill their worker are worked on alone."""
        with timing.stage("preprocess"):
            payloads = [read(request) for request in requests]
            digests = [digest(p.picture if isinstance(p, Payload) else b"") for p in payloads]
        groups, condemned = self.quarantine.groups(digests)
        results: dict[int, Result] = {i: CondemnedPicture() for i in condemned}
        for group in groups:  # nearly always one
            with self.quarantine.at_work([digests[i] for i in group]):
                with timing.stage("preprocess"):
                    prepared = self.preprocess([(requests[i], payloads[i]) for i in group])
                with timing.stage("inference"):
                    results.update(zip(group, self.inference(prepared), strict=True))
        return [results[i] for i in range(len(requests))]

    def preprocess(
        self, pairs: Sequence[tuple[Request, Payload | RequestError]]
    ) -> list[Prepared | RequestError]:
        """Decode and resize the batch in parallel; errors stay as they are."""

        def prepared(pair: tuple[Request, Payload | RequestError]) -> Prepared | RequestError:
            request, payload = pair
            if isinstance(payload, RequestError):
                return payload
            classes = len(self.model.labels)
            return prepare(request, payload, self.model.preprocess, self.top_k, classes)

        if len(pairs) == 1:
            return [prepared(pairs[0])]
        return self.decoders.map(prepared, pairs, cost=lambda pair: file_size(pair[1]))

    def inference(self, prepared: Sequence[Prepared | RequestError]) -> list[Result]:
        """Each picture classified; errors stay as they are."""
        pictures = [each.picture.pixels for each in prepared if isinstance(each, Prepared)]
        outputs = iter(self.model.infer(np.stack(pictures)) if pictures else ())

        def result(each: Prepared | RequestError) -> Result:
            if isinstance(each, RequestError):
                return each
            return Classified(each, next(outputs).copied(each.explain))

        return [result(each) for each in prepared]

    def postprocess(
        self, requests: Sequence[Request], results: Sequence[Result], context: Any
    ) -> list[bytes]:
        """Ranked classes, or an error and its status, for each request."""
        answers = []
        for request, result in zip(requests, results, strict=True):
            document: object
            if isinstance(result, RequestError):
                context.set_response_status(result.status, result.phrase, request.position)
                document = result.as_dict()
            else:
                document = self.items(result)
            answers.append(self.respond(request, document, context))
        return answers

    def items(self, result: Classified) -> list[Item]:
        """The ranked classes of a picture."""
        output, top_k = result.output, result.prepared.top_k
        items = rank(output.probabilities, self.model.labels, top_k, output.none_of_these)
        if result.prepared.explain:
            maps = self.model.activation_maps([item["class_id"] for item in items], output)
            items = explain(items, maps)
        return items

    def respond(self, request: Request, document: object, context: Any) -> bytes:
        """The body of an answer; its headers are set."""
        context.set_response_content_type(request.position, "application/json")
        # By this header the gateway tells the handler's answers from TorchServe's own.
        context.set_response_header(request.position, "x-model", self.model.card["name"])
        return json.dumps(document, ensure_ascii=False).encode()

    def report(
        self, requests: Sequence[Request], results: Sequence[Result], timing: Timing, context: Any
    ) -> None:
        """Tell each client where its time went, and count for the operator."""
        waits = [timing.waits(request.headers.get(ARRIVAL, "")) for request in requests]
        for request, result, wait in zip(requests, results, waits, strict=True):
            stages = wait | timing.stages
            if isinstance(result, Classified):
                # A part of preprocess, in which the whole batch is decoded.
                stages["decode"] = result.prepared.picture.decode_seconds
            context.set_response_header(request.position, "server-timing", server_timing(stages))
        # The supervisor's own requests would look like traffic.
        counted = [i for i, request in enumerate(requests) if READINESS not in request.headers]
        if counted:
            self.metrics.batch_answered(
                [results[i] for i in counted], [waits[i] for i in counted], timing.stages
            )
        if len(counted) < len(requests):
            self.metrics.readiness_probes(len(requests) - len(counted))


def file_size(payload: Payload | RequestError) -> int:
    """Bytes: what a picture's decoding takes goes by them."""
    return len(payload.picture) if isinstance(payload, Payload) else 0
