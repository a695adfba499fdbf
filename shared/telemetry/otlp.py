"""Sending spans and metrics to a collector by OpenTelemetry's protocol (OTLP over HTTP).

The packages are an extra (requirements/telemetry.txt), and are imported only here and only when a collector is named.
Sampling, batching and headers follow OpenTelemetry's own variables, such as `OTEL_TRACES_SAMPLER` and
`OTEL_EXPORTER_OTLP_HEADERS`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.contrib.opentelemetry import TracingInterceptor

from shared.telemetry.metrics import BUCKETS, Kind, Metric, Registry
from shared.telemetry.spans import SPANS, TRACEPARENT, NoSpan

EXPORT_MILLISECONDS = 15_000
PROPAGATOR = TraceContextTextMapPropagator()


class Span(NoSpan):
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **attributes: str | int | float | bool) -> None:
        self._span.set_attributes(attributes)


class OtelTracer:
    """Makes spans of OpenTelemetry. An error is told by its class alone, as its message can be personal."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(
        self, name: str, kind: str, parent: str | None, linked: bool, attributes: dict[str, Any]
    ) -> Iterator[Span]:
        above = trace.get_current_span().get_span_context()
        links = [trace.Link(above)] if linked and parent is not None and above.is_valid else []
        context = PROPAGATOR.extract({TRACEPARENT: parent}) if parent is not None else None
        with self._tracer.start_as_current_span(
            name,
            context,
            trace.SpanKind[kind.upper()],
            attributes,
            links,
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            try:
                yield Span(made)
            except Exception as error:
                made.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
                raise

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier)
        return carrier.get(TRACEPARENT)


class TerseExporter(OTLPSpanExporter):
    """Sends spans without what the errors in them say: the interceptor of Temporal tells messages and tracebacks."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export([_terse(span) for span in spans])


def _terse(span: ReadableSpan) -> ReadableSpan:
    status = span.status
    if status.description:
        status = trace.Status(status.status_code, status.description.partition(":")[0])
    return ReadableSpan(
        span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        links=span.links,
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class Exporting:
    """Sends to a collector until it is closed."""

    def __init__(self, url: str, name: str, registry: Registry) -> None:
        resource = Resource.create({"service.name": name, "service.namespace": "upward"})
        base = url.rstrip("/")
        self._tracers = TracerProvider(resource=resource)
        self._tracers.add_span_processor(BatchSpanProcessor(TerseExporter(f"{base}/v1/traces")))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"), EXPORT_MILLISECONDS)
        self._meters = MeterProvider(metric_readers=[reader], resource=resource)
        tracer = self._tracers.get_tracer("upward")
        self.interceptor = TracingInterceptor(tracer)
        """For clients of Temporal and the workers that use them."""
        SPANS.tracer = OtelTracer(tracer)
        self._registry = registry
        self._watch(registry)

    def _watch(self, registry: Registry) -> None:
        meter = self._meters.get_meter("upward")
        histograms: dict[Metric, Any] = {}
        for metric in registry.values:
            if metric.kind is Kind.HISTOGRAM:
                histograms[metric] = meter.create_histogram(
                    metric.name, "s", metric.about, explicit_bucket_boundaries_advisory=BUCKETS
                )
            elif metric.kind is Kind.COUNTER:
                name = metric.name.removesuffix("_total")
                meter.create_observable_counter(name, [_reading(registry, metric)], description=metric.about)
            else:
                meter.create_observable_gauge(metric.name, [_reading(registry, metric)], description=metric.about)

        def heard(metric: Metric, value: float, labels: tuple[str, ...]) -> None:
            histograms[metric].record(value, dict(zip(metric.labels, labels, strict=True)))

        self._listener = heard
        registry.listeners.append(heard)

    def close(self) -> None:
        """Sends what is left. It may wait for the collector."""
        SPANS.tracer = None
        self._registry.listeners.remove(self._listener)
        self._tracers.shutdown()
        self._meters.shutdown()


def _reading(registry: Registry, metric: Metric) -> Any:
    def read(options: CallbackOptions) -> Iterable[Observation]:
        values = dict(registry.values[metric])
        return [Observation(value, dict(zip(metric.labels, labels, strict=True))) for labels, value in values.items()]

    return read
