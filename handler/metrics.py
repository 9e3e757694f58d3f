"""What the workers count. TorchServe publishes it; deploy/torchserve/metrics.yaml declares it.

TorchServe's buckets can't be chosen: 5, 10, 25, 50, 75, 100 ms and so on to 10 s, which also suit
shares (confidence) and, less well, the sizes of batches (1, 2.5, 5, 7.5, 10).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from handler.errors import ClientError
from handler.request import Classified

PREFIX = "classification_"


class Metrics:
    """Of one worker. Where a TorchServe does not declare them, nothing is counted."""

    def __init__(self, context: Any, card: Mapping[str, Any]) -> None:
        """context: TorchServe's, at loading. card: the archive's model card."""
        cache = getattr(context.metrics, "cache", {})
        self._metrics = {
            name.removeprefix(PREFIX): metric
            for metrics in cache.values()
            for name, metric in metrics.items()
            if name.startswith(PREFIX)
        }
        self._version = str(card.get("version", ""))
        weights = str(card["weights"]["sha256"])[:8]
        self._build = (self._version, str(card["precision"]), str(card["engine"]), weights)
        self._precision = str(card["precision"])

    def loaded(self, seconds: float) -> None:
        """The model is ready, after so long."""
        self._add("model_load_seconds", seconds, self._version)
        self._add("model_loads_total", 1, self._version)
        self._add("build_info", 1, *self._build)

    def readiness(self, questions: int) -> None:
        """So many of a batch's requests were the gateway's own (/ready)."""
        self._add("readiness_total", questions)

    def batch(
        self,
        results: Sequence[object],
        waits: Sequence[Mapping[str, float]],
        shares: Mapping[str, float],
    ) -> None:
        """A batch was answered: its results, how long each waited, and its shares (of `Timing`)."""
        batch = sum(shares.values())
        stages: defaultdict[str, float] = defaultdict(float)  # seconds
        items: Counter[str] = Counter()
        formats: Counter[str] = Counter()
        refused: Counter[str] = Counter()

        def passed(stage: str, seconds: float) -> None:
            stages[stage] += seconds
            items[stage] += 1

        for result, wait in zip(results, waits, strict=True):
            if wait:
                passed("queue", sum(wait.values()))
                self._add("request_seconds", sum(wait.values()) + batch, self._version)
            if isinstance(result, Classified):
                picture = result.request.picture
                passed("decode", picture.decode)
                passed("preprocess", picture.resize)
                formats[picture.format] += 1
                best = round(float(result.probabilities.max()), 4)
                self._add("confidence", best, self._version)
            elif isinstance(result, ClientError):
                refused[result.type] += 1
        passed("postprocess", shares["postprocess"])
        if formats:
            self._add("inference_seconds", shares["inference"], self._version)
        self._add("batch_size", len(results), self._version)
        for stage, seconds in stages.items():
            self._add("stage_seconds_total", round(seconds, 6), stage)
            self._add("stage_items_total", items[stage], stage)
        for format, count in formats.items():
            self._add("pictures_total", count, format, self._precision)
        for reason, count in refused.items():
            self._add("refused_total", count, reason)

    def _add(self, name: str, value: float, *labels: str) -> None:
        if metric := self._metrics.get(name):
            metric.add_or_update(value, list(labels))
