"""The Helm chart renders what the code needs. Helm itself renders it, from the package `helm-python-sdk`, and the
schemas of Kubernetes come with `kubernetes-validate`; nothing is asked of a cluster."""

import importlib
import json
import os
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema
import pytest
import yaml
from typer.main import get_command

from shared.config import Settings
from shared.contracts.base import Service
from tests.architecture.sources import ROOT
from upward.cli import app
from upward.serving.command import ALL, WORKERS

CHART = ROOT / "deploy/helm/upward"
EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/helm/example-values.yaml").read_text())
SIZES = ("small", "large")
OLDEST, NEWEST = "1.27", "1.37"
"""The versions of Kubernetes that the chart is checked for."""
Manifest = dict[str, Any]
EARLIER = "registry.example.com/upward:0.0.9"
DEPLOYMENT = {"name": "upward", "earlier": [{"name": "v0-0-9", "image": EARLIER}]}


def package(name: str) -> Any:
    """Where the tests count, the package must be there; elsewhere they are left out while it is not installed."""
    return importlib.import_module(name) if os.environ.get("CI") else pytest.importorskip(name)


MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
WATCHED: dict[str, Any] = {
    "telemetry": {"metrics": True, "otlpUrl": "http://collector.observability:4318"},
    "networkPolicy": {"metricsFrom": [MONITORING]},
}


@lru_cache
def rendered(size: str, *, watched: bool = False, versions: bool = False) -> tuple[Manifest, ...]:
    """What the chart makes, with metrics and traces or without, and where workers have versions or none."""
    helm = package("helm_python")
    values = {
        **EXAMPLE,
        "size": size,
        **(WATCHED if watched else {}),
        **({"deployment": DEPLOYMENT} if versions else {}),
    }
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name="demo", namespace="people")
    texts = (text for name, text in sorted(files.items()) if name.endswith(".yaml"))
    return tuple(one for text in texts for one in yaml.safe_load_all(text) if one)


def of_kind(kind: str, size: str = "large") -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in rendered(size) if one["kind"] == kind}


def pods(size: str) -> Iterator[tuple[str, Manifest]]:
    """The name and the pod of everything that runs."""
    for kind in ("Deployment", "Job"):
        for name, one in of_kind(kind, size).items():
            yield name, one["spec"]["template"]


def containers(size: str) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(size):
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())):
            yield name, container


def ours(size: str) -> Iterator[tuple[str, Manifest]]:
    return ((name, container) for name, container in containers(size) if container["name"] != "caddy")


def test_the_chart_has_the_version_of_the_program_and_the_rules_of_the_proxy() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (described["version"], described["appVersion"]) == (version, version)
    assert (CHART / "Caddyfile").resolve() == ROOT / "deploy/Caddyfile"


def test_the_example_has_every_value_that_must_be_set_and_none_that_does_not_exist() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(defaults) == set(schema["properties"]) - {"global"}
    jsonschema.validate(EXAMPLE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(defaults, schema)


@pytest.mark.parametrize("values", [{}, WATCHED, {"size": "small", "networkPolicy": {"enabled": False}}])
def test_helm_finds_nothing_wrong(values: dict[str, Any]) -> None:
    report = package("helm_python").lint(CHART, {**EXAMPLE, **values}, strict=True)
    assert report["errors"] == []
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"]


def test_values_that_would_not_work_are_refused() -> None:
    helm = package("helm_python")
    with helm.Chart.load(CHART) as chart:
        for wrong in ({"publicUrl": "http://mentoring.example.com"}, {"secret": {"name": ""}}, {"size": "huge"}):
            with pytest.raises(helm.errors.HelmError):
                chart.render({**EXAMPLE, **wrong}, name="demo")


@pytest.mark.parametrize(
    ("size", "version"),
    [
        pytest.param("small", NEWEST),
        *(pytest.param(size, version, marks=pytest.mark.long) for size in SIZES for version in (OLDEST, NEWEST)),
    ],
)
def test_kubernetes_accepts_every_manifest(size: str, version: str) -> None:
    kubernetes = package("kubernetes_validate")
    for manifest in (*rendered(size), *rendered(size, watched=True, versions=True)):
        kubernetes.validate(manifest, version, strict=True)


@pytest.mark.parametrize("size", SIZES)
def test_every_service_and_every_worker_runs_once(size: str) -> None:
    commands = [container["args"] for _, container in ours(size)]
    services, workers = sorted(Service), sorted(WORKERS)
    expected = {"serve": [ALL], "worker": [ALL]} if size == "small" else {"serve": services, "worker": workers}
    for part, names in expected.items():
        assert sorted(command[1] for command in commands if command[0] == part) == names
    assert [command for command in commands if command[0] not in expected] == [
        ["migrate"],
        ["doctor", "--before-migrating"],
    ]
    group: Any = get_command(app)
    for command in commands:
        above = group.make_context("upward", [], resilient_parsing=True)
        name, subcommand, rest = group.resolve_command(above, command)
        subcommand.make_context(name, list(rest))


@pytest.mark.parametrize("size", SIZES)
def test_the_variables_are_settings_and_no_secret_is_among_the_values(size: str) -> None:
    known = {f"UPWARD_{name.upper()}" for name in Settings.model_fields}
    for _, container in ours(size):
        for variable in container["env"]:
            name = variable["name"]
            assert name in known or name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"), name
            if re.search("PASSWORD|TOKEN|DATABASE_URL|USERNAME", name):
                assert set(variable["valueFrom"]) == {"secretKeyRef"}


@pytest.mark.parametrize("size", SIZES)
def test_services_find_each_other_and_the_proxy_finds_them(size: str) -> None:
    found = of_kind("Service", size)
    for name, container in ours(size):
        given = {one["name"]: one.get("value") for one in container["env"]}
        if container["args"][0] == "worker" or (container["args"][0] == "serve" and size == "large"):
            urls = json.loads(given["UPWARD_SERVICE_URLS"])
            assert set(urls) == set(Service), name
            assert all(url.removeprefix("http://").removesuffix(":8080") in found for url in urls.values())
    rules = of_kind("ConfigMap", size)["demo-upward-proxy"]["data"]["Caddyfile"]
    targets = set(re.findall(r"reverse_proxy (\S+):8080", rules))
    assert targets == {f"demo-upward-{service.value}" for service in Service} <= set(found)
    labels = [pod["metadata"]["labels"] for _, pod in pods(size)]
    for name, service in found.items():
        chosen = service["spec"]["selector"].items()
        assert sum(chosen <= label.items() for label in labels) == 1, name


@pytest.mark.parametrize("size", SIZES)
def test_everything_that_runs_is_limited_probed_and_has_no_rights(size: str) -> None:
    for name, container in containers(size):
        assert container["resources"]["limits"]["memory"], name
        # The file of caddy has this capability, and the kernel refuses to run it where that cannot be had.
        added = {"add": ["NET_BIND_SERVICE"]} if container["name"] == "caddy" else {}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], **added},
        }
        if container.get("ports"):
            assert {"livenessProbe", "readinessProbe"} <= set(container), name
    for name, pod in pods(size):
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name


@pytest.mark.parametrize("size", SIZES)
def test_what_takes_requests_goes_on_until_nobody_sends_it_any(size: str) -> None:
    for name, container in containers(size):
        takes = container["name"] == "caddy" or container["args"][0] == "serve"
        assert ("lifecycle" in container) == takes, name


def test_migrations_run_before_a_release_after_the_configuration_was_examined() -> None:
    [job] = of_kind("Job").values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    assert [one["args"] for one in spec["initContainers"]] == [["doctor", "--before-migrating"]]
    assert [one["args"] for one in spec["containers"]] == [["migrate"]]


@pytest.mark.parametrize("size", SIZES)
def test_with_versions_each_release_is_promoted_and_earlier_ones_keep_a_worker_of_the_workflows(size: str) -> None:
    before = {(one["kind"], one["metadata"]["name"]) for one in rendered(size)}
    added = [one for one in rendered(size, versions=True) if (one["kind"], one["metadata"]["name"]) not in before]
    found = {one["kind"]: one for one in added}
    assert [one["kind"] for one in added].count("Deployment") == 1
    assert set(found) == {"Job", "Deployment", "PodDisruptionBudget"}
    assert found["Job"]["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade,post-rollback"
    [promoting] = found["Job"]["spec"]["template"]["spec"]["containers"]
    word, *command = promoting["args"]
    group: Any = get_command(app)
    within: Any = group.commands[word]
    above = group.make_context("upward", [], resilient_parsing=True)
    name, subcommand, rest = within.resolve_command(above, command)
    assert subcommand.make_context(name, list(rest)).params["watch"] == 60
    [earlier] = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert (earlier["image"], earlier["args"]) == (EARLIER, ["worker", "workflows"])
    for versions, expected in ((False, None), (True, "upward")):
        for one in rendered(size, versions=versions):
            if one["kind"] in ("Deployment", "Job") and not one["metadata"]["name"].endswith("-proxy"):
                [container] = one["spec"]["template"]["spec"]["containers"]
                given = {variable["name"]: variable.get("value") for variable in container["env"]}
                assert given.get("UPWARD_DEPLOYMENT") == expected, one["metadata"]["name"]


def test_workers_are_scaled_but_for_the_relay_of_which_one_works() -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind("HorizontalPodAutoscaler").values()}
    assert scaled == {f"demo-upward-{queue}-worker" for queue in WORKERS if queue != "relay"}
    deployments = of_kind("Deployment")
    assert {name for name in scaled if "replicas" in deployments[name]["spec"]} == set()
    assert deployments["demo-upward-relay-worker"]["spec"]["replicas"] == 2


@pytest.mark.parametrize("size", SIZES)
def test_nothing_but_the_proxy_can_be_reached_and_only_who_must_goes_out(size: str) -> None:
    policies = {name.removeprefix("demo-upward-"): one["spec"] for name, one in of_kind("NetworkPolicy", size).items()}
    assert policies["nothing"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policies["nothing"]
    assert [port["port"] for port in policies["nothing"]["egress"][0]["ports"]] == [53, 53]
    open_to_all = {name for name, one in policies.items() for rule in one.get("ingress", ()) if "from" not in rule}
    assert open_to_all == {"proxy"}

    def chosen(name: str) -> set[str]:
        selector = policies[name]["podSelector"]
        return {
            container["args"][-1]
            for (_, pod), (_, container) in zip(pods(size), ours_first(size), strict=True)
            if all(
                pod["metadata"]["labels"].get(one["key"]) in one["values"]
                for one in selector.get("matchExpressions", ())
            )
            and selector["matchLabels"].items() <= pod["metadata"]["labels"].items()
        }

    senders = {"all"} if size == "small" else {"notifications"}
    assert chosen("mail") - {"migrate"} == senders
    assert chosen("webhooks") == ({"all"} if size == "small" else {"events"})


def policies_of(size: str, *, watched: bool) -> dict[str, Manifest]:
    found = [one for one in rendered(size, watched=watched) if one["kind"] == "NetworkPolicy"]
    return {one["metadata"]["name"].removeprefix("demo-upward-"): one["spec"] for one in found}


@pytest.mark.parametrize("size", SIZES)
def test_metrics_are_read_and_sent_only_if_the_values_say_so(size: str) -> None:
    assert {"collector", "metrics"} & set(policies_of(size, watched=False)) == set()
    policies = policies_of(size, watched=True)
    assert policies["metrics"]["ingress"] == [{"ports": [{"port": "http"}], "from": [MONITORING]}]
    assert policies["collector"]["egress"] == [{"ports": [{"port": 4318}]}]
    for name in ("metrics", "collector"):
        assert policies[name]["podSelector"]["matchExpressions"] == [
            {"key": "upward/kind", "operator": "In", "values": ["api", "worker"]}
        ]
    deployments = [one for one in rendered(size, watched=True) if one["kind"] == "Deployment"]
    running = [one["spec"]["template"]["spec"]["containers"][0] for one in deployments]
    for container in running:
        if container["name"] == "upward":
            given = {one["name"]: one.get("value") for one in container["env"]}
            assert given["UPWARD_METRICS"] == "true"
            assert given["UPWARD_OTLP_URL"] == WATCHED["telemetry"]["otlpUrl"]
            assert [port["name"] for port in container["ports"]] == ["http"]


def ours_first(size: str) -> Iterator[tuple[str, Manifest]]:
    """The first container of each pod."""
    for name, pod in pods(size):
        container = pod["spec"]["containers"][0]
        yield name, {"args": ["proxy"], **container}
