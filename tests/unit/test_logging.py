"""Logging is configured once in a process, but more than once among tests that share one."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

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


def entry_of(record: logging.LogRecord) -> dict[str, Any]:
    """The entry that a record of a library becomes."""
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream)
    logging.getLogger(record.name).handle(record)
    found: dict[str, Any] = json.loads(stream.getvalue() or "{}")
    return found


def record_of(name: str, message: str, **attached: object) -> logging.LogRecord:
    return logging.getLogger(name).makeRecord(name, logging.WARNING, "", 0, message, (), None, extra=attached)


def test_what_the_sdk_says_of_an_activity_is_fields(root: logging.Logger) -> None:
    info = {"activity_type": "open_round", "workflow_id": "round-1", "attempt": 2, "workflow_namespace": "default"}
    entry = entry_of(record_of("temporalio.activity", "Heartbeat failed", temporal_activity=info))
    assert (entry["event"], entry["message"]) == ("temporal.reported", "Heartbeat failed")
    assert (entry["activity_type"], entry["workflow_id"], entry["attempt"]) == ("open_round", "round-1", 2)
    assert "workflow_namespace" not in entry


def test_what_the_core_of_the_sdk_says_is_fields(root: logging.Logger) -> None:
    core = SimpleNamespace(fields={"run_id": "r", "failure": {"message": "anna@company.example"}}, target="worker")
    entry = entry_of(record_of("temporalio.core", "Failing workflow task", temporal_log=core))
    assert (entry["message"], entry["run_id"], entry["target"]) == ("Failing workflow task", "r", "worker")
    assert "anna" not in str(entry)


def test_the_error_of_a_library_is_told_by_its_class_and_place(root: logging.Logger) -> None:
    record = record_of("temporalio.worker", "Failed activation")
    try:
        raise ValueError("anna@company.example is taken")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    entry = entry_of(record)
    assert (entry["error"], "exception" in entry) == ("ValueError", False)
    assert entry["where"][-1].startswith("test_logging.py:")
    assert "anna" not in str(entry)


def test_an_activity_that_failed_is_not_told_again_by_the_sdk(root: logging.Logger) -> None:
    assert entry_of(record_of("temporalio.activity", "Completing activity as failed")) == {}
