"""What the workers count. TorchServe publishes it; deploy/torchserve/metrics.yaml declares it.

TorchServe's buckets can't be chosen: 5, 10, 25, 50, 75, 100 ms and so on to 10 s, which also suit
confidences and, less well, the sizes of batches (1, 2.5, 5, 7.5, 10).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from handler.model_card import ModelCard
from handler.request import Classified, Result

PREFIX = "classification_"


class Metrics:
    """Those of one worker, with its model's name. A metric that this TorchServe does not declare is
    not counted.
    """

    def __init__(self, context: Any, card: ModelCard) -> None:
        """context: TorchServe's, at loading. card: the archive's."""
        cache = getattr(context.metrics, "cache", {})
        self._metrics = {
            name.removeprefix(PREFIX): metric
            for metrics in cache.values()
            for name, metric in metrics.items()
            if name.startswith(PREFIX)
        }
        self._model = context.model_name
        self._version, self._precision = card["version"], card["precision"]
        weights = card["weights"]["sha256"][:8]
        self._build = (self._version, self._precision, card["engine"], weights)

    def model_loaded(self, seconds: float) -> None:
        """The model is ready, after this time."""
        self._add("model_load_seconds", seconds, self._version)
        self._add("model_loads_total", 1, self._version)
        self._add("build_info", 1, *self._build)

    def readiness_probes(self, count: int) -> None:
        """Requests of a batch that were the supervisor's own."""
        self._add("readiness_total", count)

    def batch_answered(
        self,
        results: Sequence[Result],
        waits: Sequence[Mapping[str, float]],
        stages: Mapping[str, float],
    ) -> None:
        """The results of a batch, how long each waited, and the batch's stages (see `Timing`)."""
        batch = sum(stages.values())
        seconds: defaultdict[str, float] = defaultdict(float)
        items: Counter[str] = Counter()
        formats: Counter[str] = Counter()
        refused: Counter[str] = Counter()

        def passed(stage: str, duration: float) -> None:
            seconds[stage] += duration
            items[stage] += 1

        for result, wait in zip(results, waits, strict=True):
            if wait:
                passed("queue", sum(wait.values()))
                self._add("request_seconds", sum(wait.values()) + batch, self._version)
            if isinstance(result, Classified):
                picture = result.prepared.picture
                passed("decode", picture.decode_seconds)
                passed("preprocess", picture.resize_seconds)
                formats[picture.format] += 1
                best = round(float(result.output.probabilities.max()), 4)
                self._add("confidence", best, self._version)
            else:
                refused[result.type] += 1
        passed("postprocess", stages["postprocess"])
        if formats:
            self._add("inference_seconds", stages["inference"], self._version)
        self._add("batch_size", len(results), self._version)
        for stage, duration in seconds.items():
            self._add("stage_seconds_total", round(duration, 6), stage)
            self._add("stage_items_total", items[stage], stage)
        for format, count in formats.items():
            self._add("pictures_total", count, format, self._precision)
        for reason, count in refused.items():
            self._add("refused_total", count, reason)

    def _add(self, name: str, value: float, *labels: str) -> None:
        if metric := self._metrics.get(name):
            metric.add_or_update(value, [self._model, *labels])
