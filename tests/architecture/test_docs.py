"""The documents say what the code says: commands, settings, events, routes, names, links."""

import ast
import re
import shlex
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.routing import iter_route_contexts
from typer.main import get_command

from shared.config import Settings
from tests.architecture.documents import CODE, TEXTS, code, names_in, section, table_rows
from tests.architecture.sources import CODE as CODE_ROOMS
from tests.architecture.sources import ROOMS, ROOT, place, python_files
from upward.cli import app
from upward.composition import ROUTERS
from upward.serving.command import ALL, WORKERS

README = TEXTS["README.md"]
PRODUCTION = "docs/production.md"
ARCHITECTURE = "docs/architecture.md"
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
EVERYTHING = "\n".join(TEXTS.values())
MADE_BY_USE = (".upward/", ".env", ".venv/")
AT_THE_TOP = ("docker-compose.yml", "Dockerfile", ".env.example", "pyproject.toml", "Makefile")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b|…")


# Settings


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = {row[0].strip("`"): row[1].strip("`") for row in table_rows(PRODUCTION, "## Configuration")}
    defaults = Settings.model_fields
    assert sorted(rows) == sorted(f"UPWARD_{name.upper()}" for name in defaults)
    for name, field in defaults.items():
        value = field.get_default(call_default_factory=True)
        text = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        written = rows[f"UPWARD_{name.upper()}"]
        assert written == (text.lower() if isinstance(value, bool) else text or "empty"), name


def test_every_variable_that_is_mentioned_exists() -> None:
    settings = {f"UPWARD_{name.upper()}" for name in Settings.model_fields}
    production = set(re.findall(r"\b[A-Z_]+_(?:PASSWORD|IMAGE|REQUIREMENTS)\b", (ROOT / ".env.example").read_text()))
    of_tests = set(re.findall(r"UPWARD_[A-Z_]+", (ROOT / "tests/browser.py").read_text()))
    mentioned = set(re.findall(r"\bUPWARD_[A-Z_]+[A-Z]\b", EVERYTHING))
    assert mentioned - settings - production - of_tests - variables_of_options() == set()


# Commands


def variables_of_options() -> set[str]:
    """The variables that can stand for options of the command line."""
    group: Any = get_command(app)
    leaves = [leaf for one in group.commands.values() for leaf in getattr(one, "commands", {"": one}).values()]
    return {str(option.envvar) for leaf in leaves for option in leaf.params if option.envvar}


def make_targets() -> set[str]:
    found = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def test_every_make_target_that_is_mentioned_exists_and_every_target_is_mentioned() -> None:
    spans = [span for text in TEXTS.values() for span in CODE.findall(text)]
    assert {target for span in spans for target in re.findall(r"^make ([a-z]+)", span)} == make_targets()


def commands() -> list[tuple[str, str]]:
    """Every call of the command line in a document: the document, and the words after `upward`."""
    calls = re.compile(r"(?:(?:^|\(|-m )upward|docker compose run --rm migrate) ([a-z]+\b[^()]*)")
    return sorted({(place, match[1]) for place in TEXTS for line in code(place) if (match := calls.search(line))})


@pytest.mark.parametrize(("document", "words"), commands())
def test_every_call_of_the_command_line_is_one_that_it_takes(document: str, words: str) -> None:
    """The command line parses the call, but does not run it. If it has placeholders, only its options are looked up."""
    command: Any = get_command(app)
    parts, name = shlex.split(words), "upward"
    while hasattr(command, "commands") and parts:
        name = parts.pop(0)
        assert name in command.commands, f"{document}: upward {words}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert [part for part in parts if part.startswith("--") and part not in known] == [], document
    if parts and not any(PLACEHOLDER.search(part) for part in parts):
        context = command.make_context(name, parts)
        assert set(context.params.get("queues") or ()) <= {ALL, *WORKERS}


def test_every_subcommand_is_in_the_table_of_commands_with_its_options() -> None:
    table = "\n".join(" | ".join(row) for row in table_rows(PRODUCTION, "## Commands"))
    told = section(PRODUCTION, "## Commands") + section("docs/matching.md", "## On files, without a server")
    group: Any = get_command(app)
    for name, command in group.commands.items():
        for inner, leaf in getattr(command, "commands", {"": command}).items():
            assert f"`upward {name} {inner}".strip() in table
            options = {parameter.opts[0] for parameter in leaf.params if parameter.opts[0].startswith("--")}
            assert [option for option in options - {"--help", "--log-level"} if option not in told] == [], name


def test_continuous_integration_runs_every_test() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("\nmake test\nmake long")
    assert "set -euo pipefail" in script.read_text()


# Names and places


def references() -> list[tuple[str, str]]:
    found = {
        (document, reference)
        for document in TEXTS
        for span in code(document)
        for reference in re.findall(r"[\w./-]+\.py:[A-Za-z_][\w.]*", span)
    }
    return sorted(found)


def test_twelve_lines_lead_through_a_cycle() -> None:
    lines = re.findall(r"^\d+\. .+$", section(ARCHITECTURE, "## One cycle in twelve lines"), re.MULTILINE)
    assert len(lines) == 12
    assert all(re.search(r"\.py:\w", line) for line in lines)


@pytest.mark.parametrize(("document", "reference"), references())
def test_every_function_that_is_named_stands_in_its_file(document: str, reference: str) -> None:
    path, _, name = reference.partition(":")
    body: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
    definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for part in name.split("."):
        inner = [node for node in body if isinstance(node, definition) and node.name == part]
        assert inner, f"{document} names {reference}; {path} has no {part}"
        body = inner[0].body


def is_path(span: str) -> bool:
    tops = {path.name for path in ROOT.iterdir()} - {"upward"}
    return bool(re.fullmatch(r"[\w.][\w./-]*", span)) and (span.split("/")[0] in tops or span.startswith("upward/"))


@pytest.mark.parametrize("document", TEXTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    paths = {span for span in code(document) if is_path(span) and not span.startswith(MADE_BY_USE)}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@cache
def suffixes() -> set[str]:
    """The paths of all files and folders of the rooms, from the root or from any folder on."""
    files = [path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.*") if path.is_file()]
    names = {path.as_posix() for path in files} | {f"{folder.as_posix()}/" for path in files for folder in path.parents}
    return {name.split("/", cut)[-1] for name in names for cut in range(name.rstrip("/").count("/") + 1)}


@pytest.mark.parametrize("document", TEXTS)
def test_a_file_or_a_folder_that_is_named_within_its_room_exists_too(document: str) -> None:
    """Such as `engine/computation.py`, `store/`, and the files of commands (`python bench/cycle.py`)."""
    spans = {span for span in code(document) if not span.startswith(MADE_BY_USE)}
    folders = {span for span in spans if re.fullmatch(r"(?:[a-z_]+/)+", span)}
    files = {path for span in spans for path in re.findall(r"(?<![\w/.<>-])(?:[\w-]+/)+\w+\.py", span)}
    missing = {path for path in folders | files if path not in suffixes() and not (ROOT / path).exists()}
    assert missing == set()


def test_the_map_shows_every_room() -> None:
    rows = table_rows("README.md", "## The rooms")
    shown = {name.strip("/") for row in rows for name in names_in(row[0])}
    services = {f"services/{service.value}" for service in ROUTERS}
    assert shown == services | (set(ROOMS) - {"services"}) | {"docs", "deploy"}


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", TEXTS)
def test_every_link_within_the_repository_leads_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[document]):
        if urlsplit(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), target


def test_decisions_are_numbered_without_gaps_and_have_one_shape() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} · ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Cost"], path.name
        assert len(text.splitlines()) <= 60, f"{path.name} is longer than a page"


# Routes


def routes() -> set[str]:
    return {str(one.path) for router in ROUTERS.values() for one in iter_route_contexts(router.routes)}


def shape(path: str) -> str:
    """The path with `{}` for every variable part, without query and without a final slash."""
    path = re.sub(r"\$\{?\w+(#\w+)?\}?|\{\w+\}|\b[0-9a-f]{8}-…", "{}", path.split("?")[0])
    return path.rstrip("/")


def mentioned_routes() -> dict[str, set[str]]:
    """The paths of the API and of the pages in each document, also those in examples."""
    found = {}
    for document, text in TEXTS.items():
        joined = re.sub(r"\$\{MET#met_\}", "{}", text)
        paths = re.findall(
            r"(?<![\w/.-])(?:\$URL)?(/(?:(?:v1|internal|p|\.well-known)/|console(?=[/`]))[\w/{}$.…-]*)", joined
        )
        found[document] = {shape(path.rstrip(".")) for path in paths} - {"/internal", "/v1", "/p"}
    return found


@pytest.mark.parametrize("document", TEXTS)
def test_every_route_that_is_mentioned_exists(document: str) -> None:
    known = {shape(path) for path in routes()}
    unknown = {path for path in mentioned_routes()[document] if path not in known}
    assert unknown == set()


def test_every_public_route_is_mentioned() -> None:
    without = "/console/{rest:path}"  # addresses that no page has
    public = {shape(path) for path in routes() if not path.startswith("/internal/") and path != without}
    mentioned = set().union(*mentioned_routes().values()) | ({""} if "`/`" in TEXTS["docs/api.md"] else set())
    assert public - mentioned == set()


# What must never be in a document


@pytest.mark.parametrize("document", TEXTS)
def test_no_document_holds_a_secret_or_a_machine_s_path(document: str) -> None:
    text = TEXTS[document]
    assert not re.search(r"upw_[0-9a-z]{12}_", text)
    assert not re.search(r"(?<![\w.$])/(?:home|root|work|Users|tmp)/", text)
    domains = set(re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", text))
    assert domains <= {"example.com", "upward.example", "127.0.0.1"}


def test_no_comment_or_docstring_points_at_a_file_that_is_gone() -> None:
    """Tests also name files that do not exist, as examples. So only the documents that tests name are looked up."""
    document, file = r"docs/[\w/-]+\.md\b", rf"(?:{'|'.join((*ROOMS, 'docs', 'deploy'))})/[\w/.-]*\.\w+"
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    shipped = [*python_files(*CODE_ROOMS, "bench"), *(ROOT / name for name in AT_THE_TOP), *deployed]
    for pattern, paths in ((document, python_files(*ROOMS)), (file, shipped)):
        for path in paths:
            mentioned = set(re.findall(rf"(?<![\w/.-]){pattern}", path.read_text()))
            assert [target for target in sorted(mentioned) if not (ROOT / target).exists()] == [], place(path)


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License\n                           Version 2.0, January 2004")
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_readme_points_at_every_document() -> None:
    linked = set(re.findall(r"\]\(([^):#]+)[^)]*\)", README))
    decisions = {place(path) for path in DECISIONS}
    assert set(TEXTS) - linked == {"README.md"} | decisions
    assert "docs/decisions/" in linked
