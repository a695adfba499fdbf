"""Which rooms there are, and what may stand in them."""

import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.architecture.sources import CODE, ROOMS, ROOT, imported_names, module_name, place, python_files, wall

SHARED = {
    *("attention", "auth", "config", "contracts", "database", "errors", "events", "health", "http", "keys"),
    *("language", "logging", "notices", "retention", "rounds", "sessions", "suppression", "telemetry", "temporal"),
    "tracing",
}
SERVICES = {"accounts", "console", "events", "feedback", "intake", "matching", "notifications", "programs"}
STOREYS = {"log", "webhooks", "broker", "pairs", "runs"}
"""The storeys of large services. Each of these folders may have tables and a store of its own."""
NO_HOME_FOR_RULES = {"service", "services", "utils", "util", "helpers", "common", "manager", "misc"}
LONGEST_FILE = 400
MOST_MODULES = 15
WRITTEN = {".py", ".html", ".css", ".js", ".txt", ".jinja", ".j2"}

KINDS = {"main", "worker", "api", "activities", "store", "models"}
EDGES = "Only main and worker import the edges of a service"
TABLES = "Edges never import tables"
PURE = "Rules are pure"
ALSO_PURE = "Rules do not know Temporal"

HANDS_ON = {
    # These modules are neither edge nor store nor tables, and work with a framework, because that is their task.
    "services.*.retention",
    "services.console.admin.*.page",
    "services.console.admin.*.*_page",
    "services.console.admin.*.reading",
    "services.console.admin.cookies",
    "services.console.admin.forms",
    "services.console.admin.layout",
    "services.console.admin.messages.previews",
    "services.console.admin.names",
    "services.console.admin.programs.archiving",
    "services.console.admin.programs.editing",
    "services.console.admin.programs.form_view",
    "services.console.admin.programs.reading",
    "services.console.admin.programs.refusals",
    "services.console.admin.programs.starting",
    "services.console.admin.programs.typed",
    "services.console.admin.registry",
    "services.console.admin.reports.tables",
    "services.console.admin.review",
    "services.console.admin.routes",
    "services.console.admin.sign_in.one_time",
    "services.console.admin.signing_in",
    "services.console.admin.visit",
    "services.console.forms",
    "services.console.pages",
    "services.console.participation",
    "services.console.people_picker",
    "services.console.submission",
    "services.console.surroundings",
    "services.events.broker.jetstream",
    "services.events.broker.publisher",
    "services.events.log.calling",
    "services.events.log.dispatcher",
    "services.events.log.epoch",
    "services.events.log.feed",
    "services.events.log.holding",
    "services.events.log.positions",
    "services.events.log.searchable",
    "services.events.log.sequencer",
    "services.events.log.sweeping",
    "services.events.log.waiting",
    "services.events.log.watching",
    "services.events.recovery.looking",
    "services.events.recovery.replacing",
    "services.events.recovery.temporal",
    "services.events.relay",
    "services.events.webhooks.connection",
    "services.events.webhooks.drain",
    "services.events.webhooks.exchange",
    "services.events.webhooks.fan_out",
    "services.events.webhooks.sender",
    "services.events.webhooks.switching",
    "services.events.webhooks.wake_ups",
    "services.feedback.answers",
    "services.feedback.closing",
    "services.feedback.pairs",
    "services.feedback.telling",
    "services.intake.answers",
    "services.intake.cycle_topics",
    "services.intake.imports",
    "services.intake.pending_imports",
    "services.matching.pairs.answers",
    "services.matching.runs.places",
    "services.matching.runs.proposing",
    "services.matching.runs.retention",
    "services.matching.runs.revising",
    "services.matching.runs.solving",
    "services.matching.runs.trying",
    "services.notifications.audience",
    "services.notifications.channels",
    "services.notifications.composing",
    "services.notifications.delivery",
    "services.notifications.dropping",
    "services.notifications.facts",
    "services.notifications.leasing",
    "services.notifications.overviews",
    "services.notifications.preparing",
    "services.programs.schedules",
    "services.programs.steps",
    "services.programs.watching",
}


def service_modules() -> list[str]:
    """The names of all modules of services, without `__init__`."""
    return [module_name(path) for path in python_files("services") if path.name != "__init__.py"]


def kind(module: str) -> str:
    """Returns the kind of a module, such as `main` or `store`, and `other` for one with a name of the domain."""
    parts = [part for part in module.split(".")[2:] if part not in STOREYS]
    return parts[0] if parts and parts[0] in KINDS else "other"


def named(module: str, patterns: list[str] | set[str]) -> bool:
    """Whether one of the patterns matches the module, or a package that contains it."""
    parts = module.split(".")
    names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def test_shared_is_a_closed_list() -> None:
    found = {path.stem for path in (ROOT / "shared").iterdir() if not path.name.startswith("__")}
    assert found == SHARED, "a new file in shared/ needs a decision record, and a line here"


def test_the_services_are_those_of_the_design() -> None:
    assert {path.name for path in (ROOT / "services").iterdir() if not path.name.startswith("__")} == SERVICES


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_has_a_main_and_sql_has_a_store(service: str) -> None:
    kinds = {kind(module) for module in service_modules() if module.startswith(f"services.{service}.")}
    assert "main" in kinds
    assert ("store" in kinds) == ("models" in kinds), "tables come with a store, and a store with tables"


def test_the_console_has_no_tables_and_no_sql() -> None:
    assert not {module for module in service_modules() if module.startswith("services.console.models")}
    imported = {name for path in python_files("services/console") for name in imported_names(path)}
    assert not {name for name in imported if re.match(r"sqlalchemy\b|shared\.(events\b|rounds\.models\b)", name)}


def test_no_file_is_named_for_nothing() -> None:
    assert [place(path) for path in python_files(*ROOMS) if path.stem in NO_HOME_FOR_RULES] == []


def test_init_files_stay_empty() -> None:
    assert [place(path) for path in python_files(*ROOMS) if path.name == "__init__.py" and path.read_text()] == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in python_files(*CODE)}
    assert [place(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    def lines(path: Path) -> int:
        return len(path.read_text().splitlines())

    written = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in WRITTEN)
    assert {place(path): lines(path) for path in written if lines(path) > LONGEST_FILE} == {}


def test_no_folder_has_more_modules_than_a_reader_can_survey() -> None:
    folders = Counter(place(path.parent) for path in python_files(*CODE) if path.name != "__init__.py")
    assert {folder: count for folder, count in folders.items() if count > MOST_MODULES} == {}


def test_every_module_says_what_it_is_for() -> None:
    files = [path for path in python_files(*CODE) if path.name != "__init__.py"]
    assert [place(path) for path in files if not path.read_text().lstrip().startswith(('"""', 'r"""'))] == []


def test_the_walls_around_edges_name_every_edge() -> None:
    edges = [module for module in service_modules() if kind(module) in {"api", "activities"}]
    for patterns in (wall(EDGES)["protected_modules"], wall(TABLES)["source_modules"]):
        assert [module for module in edges if not named(module, patterns)] == [], "name them in pyproject.toml"


def test_the_wall_before_tables_names_all_tables() -> None:
    tables = [module for module in service_modules() if kind(module) == "models"]
    assert [module for module in tables if not named(module, wall(TABLES)["forbidden_modules"])] == []


def test_every_module_of_a_service_is_an_edge_or_a_store_or_pure_or_known_to_work_with_a_framework() -> None:
    pure = wall(PURE)["source_modules"]
    assert pure == wall(ALSO_PURE)["source_modules"]
    others = [module for module in service_modules() if kind(module) == "other"]
    assert [module for module in others if not named(module, pure) and not named(module, HANDS_ON)] == [], (
        "name the module in both lists of pure modules in pyproject.toml, or, when a framework is its work, here"
    )
    assert [module for module in pure if named(module, HANDS_ON)] == []


def test_only_the_design_s_exceptions_pass_through_walls() -> None:
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text()
