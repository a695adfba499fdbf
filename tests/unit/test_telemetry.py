"""Metrics are counted only if somebody wants them, and written as Prometheus reads them."""

import sys

import pytest

from shared.config import Settings
from shared.telemetry.metrics import (
    DISPATCHED,
    METRICS,
    REGISTRY,
    REQUESTS,
    STAGED,
    STAGED_AGE,
    STALLED,
    Kind,
    Registry,
    Sample,
    exposition,
)
from shared.telemetry.spans import NO_SPAN, current_traceparent, span
from shared.telemetry.starting import Telemetry, TelemetryMissing


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    made.on = True
    return made


def test_nothing_is_counted_while_nobody_wants_to_know() -> None:
    off = Registry()
    off.count(DISPATCHED, "started")
    off.observe(REQUESTS, 1.0, "GET", "/v1/cycles", "2xx")
    assert exposition(off) == ""


def test_values_are_written_with_their_labels_and_what_they_mean(registry: Registry) -> None:
    registry.count(DISPATCHED, "started")
    registry.count(DISPATCHED, "started")
    registry.put([Sample(STAGED, 12345.0)], [STAGED])
    assert exposition(registry).splitlines() == [
        "# HELP upward_staged_events Events that have no position yet, at most 10,000.",
        "# TYPE upward_staged_events gauge",
        "upward_staged_events 12345",
        "# HELP upward_events_dispatched_total Events that moved a workflow.",
        "# TYPE upward_events_dispatched_total counter",
        'upward_events_dispatched_total{outcome="started"} 2',
    ]


def test_a_large_counter_is_written_to_the_last_digit(registry: Registry) -> None:
    """A rate is made of small differences, also after months."""
    registry.values[DISPATCHED][("started",)] = 1_234_567.0
    registry.put([Sample(STAGED_AGE, 0.25)], [STAGED_AGE])
    lines = exposition(registry).splitlines()
    assert 'upward_events_dispatched_total{outcome="started"} 1234567' in lines
    assert "upward_staged_age_seconds 0.25" in lines


def test_a_histogram_counts_what_is_at_most_so_long(registry: Registry) -> None:
    heard: list[float] = []
    registry.listeners.append(lambda metric, value, labels: heard.append(value))
    for seconds in (0.005, 0.2, 1000.0):
        registry.observe(REQUESTS, seconds, "GET", 'a"b\\c', "2xx")
    lines = exposition(registry).splitlines()
    labels = r'method="GET",route="a\"b\\c",status="2xx"'
    for bound, below in (("0.005", 1), ("0.1", 1), ("0.25", 2), ("300", 2), ("+Inf", 3)):
        assert f'upward_request_seconds_bucket{{{labels},le="{bound}"}} {below}' in lines
    assert f"upward_request_seconds_sum{{{labels}}} 1000.205000" in lines
    assert f"upward_request_seconds_count{{{labels}}} 3" in lines
    assert heard == [0.005, 0.2, 1000.0]


def test_what_was_not_measured_this_time_is_gone(registry: Registry) -> None:
    registry.put([Sample(STALLED, 1, ("round_overdue",)), Sample(STAGED, 2)], [STALLED, STAGED])
    registry.put([], [STALLED])
    assert "upward_cycles_stalled" not in exposition(registry)
    assert "upward_staged_events 2" in exposition(registry)


def test_the_name_of_a_counter_says_so_and_that_of_a_time_its_unit() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.name.endswith("_seconds") or metric.kind is not Kind.HISTOGRAM
        assert not {"organization_id", "cycle_id", "person_id"} & set(metric.labels)


def test_without_settings_nothing_is_measured_and_no_span_is_made() -> None:
    telemetry = Telemetry(Settings(), "upward tests")
    assert (telemetry.on, telemetry.sdk, telemetry.interceptors, REGISTRY.on) == (False, None, [], False)
    with span("anything", kind="server", parent="00-1-2-01") as made:
        assert made is NO_SPAN
        assert current_traceparent() is None


def test_a_collector_without_the_packages_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shared.telemetry.otlp", None)
    with pytest.raises(TelemetryMissing, match=r"requirements/telemetry\.txt"):
        Telemetry(Settings(otlp_url="http://127.0.0.1:1"), "upward tests")
    assert not REGISTRY.on
