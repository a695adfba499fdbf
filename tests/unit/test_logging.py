"""Logging is configured once in a process, but more than once among tests that share one."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from shared.logging import configure_logging


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root of all logging, which has its handlers and level again afterwards."""
    found = logging.getLogger()
    handlers, level = found.handlers, found.level
    yield found
    found.handlers = handlers
    found.setLevel(level)


def test_a_logger_that_was_used_is_heard_also_after_logging_was_configured_again(root: logging.Logger) -> None:
    log = structlog.get_logger("tests")
    configure_logging("DEBUG", stream=io.StringIO())
    log.info("tests.began")
    configure_logging("DEBUG", stream=io.StringIO())
    with capture_logs() as entries:
        log.info("tests.went_on")
    assert [entry["event"] for entry in entries] == ["tests.went_on"]
