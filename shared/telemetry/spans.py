"""Spans: what happened for how long, and what it is part of. Without a collector nothing is made and nothing is
imported; `shared.telemetry.otlp` puts a tracer here.

The place of a span in its trace travels as a `traceparent` (https://www.w3.org/TR/trace-context/): in headers of HTTP,
and with the row of each event.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

TRACEPARENT = "traceparent"


class Tracer(Protocol):
    """What makes spans."""

    def span(self, name: str, kind: str, parent: str | None, linked: bool, attributes: dict[str, Any]) -> Any: ...

    def traceparent(self) -> str | None: ...


class Spans:
    tracer: Tracer | None = None


SPANS = Spans()
"""Those of this process."""


class NoSpan:
    """A span that nobody wants."""

    def rename(self, name: str) -> None:
        pass

    def note(self, **attributes: str | int | float | bool) -> None:
        pass


NO_SPAN = NoSpan()


@contextmanager
def span(
    name: str, *, kind: str = "internal", parent: str | None = None, linked: bool = False, **attributes: str | int
) -> Iterator[NoSpan]:
    """A span around the block. `kind` is one of OpenTelemetry's. With `parent`, a traceparent from elsewhere, it is
    part of that trace, and if `linked` it has a link to the span that would otherwise be its parent. Attributes are ids
    and codes."""
    tracer = SPANS.tracer
    if tracer is None:
        yield NO_SPAN
        return
    with tracer.span(name, kind, parent, linked, dict(attributes)) as made:
        yield made


def current_traceparent() -> str | None:
    """The place of the span that is open now. None if there is none."""
    return SPANS.tracer.traceparent() if SPANS.tracer is not None else None
