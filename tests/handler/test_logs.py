"""What the log's pattern in deploy/torchserve/log4j2.xml takes for the name of a request."""

import logging

import pytest

from handler.logs import log_failure


def logged(caplog: pytest.LogCaptureFixture, request_id: str | None) -> str:
    with caplog.at_level(logging.ERROR):
        try:
            raise ValueError("a\n[PID]1")
        except ValueError:
            log_failure("It failed", request_id)
    [message] = caplog.messages
    assert message.endswith('ValueError: a\\n[PID]1\\n"')
    assert "\n" not in message
    return message


@pytest.mark.parametrize("request_id", ["a", "-", "order-17", "A.b_c-9", "x" * 64])
def test_a_line_begins_with_the_requests_name(
    caplog: pytest.LogCaptureFixture, request_id: str
) -> None:
    assert logged(caplog, request_id).startswith(f'[{request_id}] It failed: "Traceback')


@pytest.mark.parametrize("request_id", [None, "", "a\n[PID]1", "x" * 65, "a b", "a]", "ä"])
def test_what_is_no_name_is_not_logged(
    caplog: pytest.LogCaptureFixture, request_id: str | None
) -> None:
    assert logged(caplog, request_id).startswith('It failed: "Traceback')
