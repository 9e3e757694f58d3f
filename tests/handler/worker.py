"""The handler as a TorchServe worker has it, in this process."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handler.resnet18_handler import ResNet18Handler

with warnings.catch_warnings():
    # ts/version.py leaves its version file to the garbage collector.
    warnings.filterwarnings("ignore", "unclosed file", ResourceWarning)
    from ts.context import Context, RequestProcessor

Row = dict[str, Any]
Headers = dict[str, Any]
Batch = list[tuple[Row, Headers]]


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


def answers(handler: ResNet18Handler, batch: Batch) -> tuple[list[Any], Any]:
    """The parsed answers to a batch, and the context that holds their statuses and headers."""
    context = context_of(Path(), [headers for _, headers in batch])
    documents = handler.handle([row for row, _ in batch], context)
    return [json.loads(document) for document in documents], context
