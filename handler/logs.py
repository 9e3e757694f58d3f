"""What the handler logs of a failure: one line, which names the request where there is one."""

import json
import logging
import re
import traceback

logger = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def log_failure(sentence: str, request_id: str | None = None) -> None:
    """The exception that is being handled.

    Its text may hold what a client sent. As a JSON string it makes no line of its own, which
    TorchServe might believe. deploy/torchserve/log4j2.xml puts an id in brackets that begins the
    line into a field; without a valid one there are no brackets.
    """
    prefix = f"[{request_id}] " if request_id and _ID.fullmatch(request_id) else ""
    logger.error("%s%s: %s", prefix, sentence, json.dumps(traceback.format_exc()))
