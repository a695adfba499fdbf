"""Dashboards and alert rules ask for metrics that there are, with labels that these have."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from shared.telemetry.metrics import METRICS, Kind
from tests.architecture.sources import ROOT

DASHBOARD = ROOT / "deploy/grafana/upward.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
SCRAPED = ROOT / "deploy/prometheus/scrape.yml"
ASKED = re.compile(r"\b(upward_[a-z_]+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"by \(([a-z_, ]+)\)")
OF_PROMETHEUS = {"le", "job", "instance"}


def names() -> dict[str, set[str]]:
    """What can be asked for, and the labels of each."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        found |= {metric.name + suffix: set(metric.labels) for suffix in suffixes}
    return found


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    return [target["expr"] for panel in panels for target in panel["targets"]] + [rule["expr"] for rule in rules]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_metrics_and_labels_that_there_are(expression: str) -> None:
    known, labels = names(), set[str]()
    for name, chosen in ASKED.findall(expression):
        assert name in known
        labels |= known[name]
        assert {part.partition("=")[0].strip() for part in chosen.split(",") if part} <= known[name]
    for grouped in GROUPED.findall(expression):
        assert {label.strip() for label in grouped.split(",")} <= labels | OF_PROMETHEUS


def test_every_metric_is_on_the_dashboard() -> None:
    shown = DASHBOARD.read_text()
    assert [metric.name for metric in METRICS if metric.name not in shown] == []


def test_every_metric_is_in_the_document() -> None:
    document = (ROOT / "docs/production.md").read_text()
    assert [metric.name for metric in METRICS if f"`{metric.name}`" not in document] == []


def test_every_process_of_the_large_installation_is_scraped() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = {"serve": 8080, "worker": 8081}
    wanted = {f"{name}:{ports[one['command'][0]]}" for name, one in services.items() if _is_ours(one)}
    jobs = yaml.safe_load(SCRAPED.read_text())["scrape_configs"]
    assert {target for job in jobs for part in job["static_configs"] for target in part["targets"]} == wanted


def _is_ours(service: dict[str, object]) -> bool:
    command = service.get("command")
    return isinstance(command, list) and command[0] in ("serve", "worker") and service["profiles"] == ["large"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
