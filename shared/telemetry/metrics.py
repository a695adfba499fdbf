"""Metrics: which there are, and what they say now. Nothing is counted unless somebody wants to know (`Registry.on`).

The names and labels are a contract with dashboards and alert rules (`deploy/`). Labels are codes and never ids, so that
their number stays small.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4"
Exposition = Callable[[], Awaitable[str]]
"""Reads what `/metrics` answers."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper bounds of a histogram's buckets, in seconds."""


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...] = ()


STAGED = Metric("upward_staged_events", Kind.GAUGE, "Events that have no position yet, at most 10,000.")
STAGED_AGE = Metric("upward_staged_age_seconds", Kind.GAUGE, "How long the oldest of them has waited.")
LAG = Metric("upward_dispatcher_lag_seconds", Kind.GAUGE, "How long the first event has waited for the dispatcher.")
SET_ASIDE = Metric("upward_events_set_aside", Kind.GAUGE, "Events that could not be handled and are tried again.")
ORGANIZATIONS_HELD = Metric("upward_organizations_held", Kind.GAUGE, "Organizations that are held since a restore.")
DISPATCHED = Metric("upward_events_dispatched_total", Kind.COUNTER, "Events that moved a workflow.", ("outcome",))
ATTEMPTS = Metric("upward_webhook_attempts_total", Kind.COUNTER, "Attempts to deliver a webhook.", ("result",))
WAITING = Metric(
    "upward_messages_waiting",
    Kind.GAUGE,
    "Messages that are due and not sent, at most 10,000, but for those of paused cycles.",
)
WAITING_AGE = Metric("upward_messages_waiting_age_seconds", Kind.GAUGE, "How long the oldest of them has been due.")
MESSAGES = Metric("upward_messages_total", Kind.COUNTER, "Messages that were sent, or failed for good.", ("state",))
CYCLES = Metric("upward_cycles_running", Kind.GAUGE, "Cycles that have not ended.")
STALLED = Metric("upward_cycles_stalled", Kind.GAUGE, "Cycles that do not move though they should.", ("reason",))
OVERDUE = Metric("upward_rounds_overdue", Kind.GAUGE, "Rounds that are open three minutes after their deadline.")
BACKLOG = Metric("upward_queue_backlog", Kind.GAUGE, "Tasks that wait in a queue of Temporal.", ("queue", "kind"))
CONNECTIONS = Metric("upward_database_connections", Kind.GAUGE, "Connections of this process.", ("state",))
SOLVED = Metric("upward_match_seconds", Kind.HISTOGRAM, "How long one match run was computed.")
REQUESTS = Metric("upward_request_seconds", Kind.HISTOGRAM, "How long requests took.", ("method", "route", "status"))
METRICS: tuple[Metric, ...] = (
    *(STAGED, STAGED_AGE, LAG, SET_ASIDE, DISPATCHED, ATTEMPTS, WAITING, WAITING_AGE, MESSAGES, CYCLES, STALLED),
    *(OVERDUE, ORGANIZATIONS_HELD, BACKLOG, CONNECTIONS, SOLVED, REQUESTS),
)


class Sample(NamedTuple):
    """What was measured at one moment."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


class Distribution:
    """The values of one histogram with the same labels."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.total += value


Listener = Callable[[Metric, float, tuple[str, ...]], None]


class Registry:
    """The values of all metrics of this process."""

    def __init__(self) -> None:
        self.on = False
        self.values: dict[Metric, dict[tuple[str, ...], float]] = {metric: {} for metric in METRICS}
        self.distributions: dict[Metric, dict[tuple[str, ...], Distribution]] = {
            metric: {} for metric in METRICS if metric.kind is Kind.HISTOGRAM
        }
        self.listeners: list[Listener] = []
        """They are told each value of a histogram."""

    def count(self, metric: Metric, *labels: str) -> None:
        if self.on:
            values = self.values[metric]
            values[labels] = values.get(labels, 0) + 1

    def observe(self, metric: Metric, seconds: float, *labels: str) -> None:
        if self.on:
            self.distributions[metric].setdefault(labels, Distribution()).add(seconds)
            for listener in self.listeners:
                listener(metric, seconds, labels)

    def put(self, samples: Iterable[Sample], of: Sequence[Metric]) -> None:
        """Replaces the values of gauges. What was not measured this time is gone."""
        for metric in of:
            self.values[metric] = {}
        for one in samples:
            self.values[one.metric][one.labels] = float(one.value)


REGISTRY = Registry()
"""That of this process."""


def exposition(registry: Registry) -> str:
    """The values in the text format of Prometheus, version 0.0.4."""
    lines: list[str] = []
    for metric in METRICS:
        values, distributions = registry.values[metric], registry.distributions.get(metric, {})
        if not values and not distributions:
            continue
        lines += [f"# HELP {metric.name} {metric.about}", f"# TYPE {metric.name} {metric.kind.value}"]
        lines += [f"{metric.name}{_labelled(metric, labels)} {value:.15g}" for labels, value in sorted(values.items())]
        for labels, one in sorted(distributions.items()):
            lines += _buckets(metric, labels, one)
    return "\n".join([*lines, ""])


def _buckets(metric: Metric, labels: tuple[str, ...], one: Distribution) -> Iterable[str]:
    below = 0
    for bound, count in zip((*(f"{bucket:g}" for bucket in BUCKETS), "+Inf"), one.counts, strict=True):
        below += count
        yield f"{metric.name}_bucket{_labelled(metric, labels, le=bound)} {below}"
    yield f"{metric.name}_sum{_labelled(metric, labels)} {one.total:.6f}"
    yield f"{metric.name}_count{_labelled(metric, labels)} {below}"


def _labelled(metric: Metric, labels: tuple[str, ...], **more: str) -> str:
    pairs = {**dict(zip(metric.labels, labels, strict=True)), **more}
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())
    return f"{{{told}}}" if told else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
