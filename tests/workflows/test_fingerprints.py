"""The fingerprint of every workflow: its commands in order, read from the source and committed.

A command is what Temporal records (an activity, a child, a signal, a timer) or a step that issues some; in workflows
both are awaited, so that every `await` counts, and with it the calls to `workflow` that are not awaited. Each stands
with the blocks around it. `python -m tests.workflows.test_fingerprints --write` writes the fingerprints anew.
"""

import ast
import difflib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import python_files
from workflows.registry import WORKFLOWS

FILE = Path(__file__).parent / "fingerprints.json"
COMMANDS = {
    # Of temporalio.workflow, also when they are not awaited.
    *("execute_activity_method", "start_activity_method", "execute_child_workflow", "start_child_workflow"),
    *("execute_local_activity_method", "start_local_activity_method", "wait_condition", "sleep"),
    *("continue_as_new", "patched", "deprecate_patch", "upsert_search_attributes", "upsert_memo"),
}
TELLING = {
    # How many arguments say what is meant, where the name alone does not.
    **dict.fromkeys(("execute_activity_method", "start_activity_method", "execute_local_activity_method"), 1),
    **dict.fromkeys(("execute_child_workflow", "start_child_workflow", "start_local_activity_method"), 1),
    **dict.fromkeys(("patched", "deprecate_patch", "ask", "start_round", "announce", "climb", "close_rounds"), 1),
    "tell": 2,
}
CALLED_OFF = "cancel"
"""On a handle, a command of its own: it cancels an activity or a child."""
HELP = """
The commands of a workflow changed; see above. Runs that began before would no longer replay. Therefore:
 1. put the new way behind `if workflow.patched("what-changed"):` and keep the old way beside it, unless no run that
    began before the change can be left (then say so in the changelog);
 2. python -m pytest tests/workflows/test_replay.py must still pass with the committed histories;
 3. python -m tests.workflows.record_histories records histories of the new way;
 4. python -m tests.workflows.test_fingerprints --write accepts the new fingerprints.
"""
Fingerprints = dict[str, list[str]]


class Commands(ast.NodeVisitor):
    """Collects the commands of one function, in the order in which they stand."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._blocks: list[str] = []

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._inside("if", node.body)
        self._inside("else", node.orelse)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._inside("if", [node.body])
        self._inside("else", [node.orelse])

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._inside(type(node.op).__name__.lower(), node.values[1:])

    def visit_While(self, node: ast.While) -> None:
        self._inside("while", [node.test, *node.body])
        self._inside("else", node.orelse)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._inside("for", node.body)
        self._inside("else", node.orelse)

    def visit_Try(self, node: ast.Try) -> None:
        self._inside("try", node.body)
        for handler in node.handlers:
            self._inside(f"except {ast.unparse(handler.type) if handler.type else ''}".strip(), handler.body)
        self._inside("else", node.orelse)
        self._inside("finally", node.finalbody)

    def visit_Await(self, node: ast.Await) -> None:
        self.generic_visit(node)  # its arguments come first
        if not (isinstance(node.value, ast.Call) and _is_command(node.value)):
            self._note(f"await {_written(node.value)}")

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if _is_command(node):
            self._note(_written(node))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function inside has a fingerprint of its own."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Likewise."""

    def _inside(self, block: str, nodes: list[ast.stmt] | list[ast.expr] | list[ast.AST]) -> None:
        self._blocks.append(block)
        for node in nodes:
            self.visit(node)
        self._blocks.pop()

    def _note(self, command: str) -> None:
        self.found.append(" / ".join([*self._blocks, command]))


def _is_command(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    of_workflow = isinstance(call.func.value, ast.Name) and call.func.value.id == "workflow"
    return (of_workflow and call.func.attr in COMMANDS) or call.func.attr == CALLED_OFF


def _written(node: ast.expr) -> str:
    """The name of what is called, with what is called by it, or the awaited expression itself."""
    if not isinstance(node, ast.Call):
        return ast.unparse(node)
    name = ast.unparse(node.func)
    last = name.rpartition(".")[2]
    if last == "wait_condition":
        shown = ["timeout"] if any(keyword.arg == "timeout" for keyword in node.keywords) else []
    else:
        shown = [ast.unparse(argument) for argument in node.args[: TELLING.get(last, 0)]]
    return f"{name}({', '.join(shown)})"


def fingerprints(sources: dict[str, str]) -> Fingerprints:
    """Of every function that issues commands, by `module.Class.function`."""
    found: Fingerprints = {}
    for module, source in sources.items():
        for name, function in _functions(ast.parse(source), module):
            commands = Commands()
            for statement in function.body:
                commands.visit(statement)
            if commands.found:
                found[name] = commands.found
    return found


def _functions(node: ast.AST, place: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = f"{place}.{getattr(child, 'name', '')}"
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _functions(child, name)


def sources() -> dict[str, str]:
    """By the name of the module alone, which no two modules share: one of them would have no fingerprints."""
    paths = [path for path in python_files("workflows") if path.stem != "__init__"]
    found = {path.stem: path.read_text() for path in paths}
    assert len(found) == len(paths)
    return found


def written(prints: Fingerprints) -> str:
    return json.dumps(prints, indent=1, ensure_ascii=False) + "\n"


def test_no_workflow_s_commands_changed_without_being_versioned() -> None:
    committed, current = FILE.read_text(), written(fingerprints(sources()))
    if committed != current:
        lines = difflib.unified_diff(committed.splitlines(), current.splitlines(), "committed", "now", lineterm="", n=2)
        pytest.fail("\n".join(lines) + "\n" + HELP, pytrace=False)


def test_every_workflow_has_a_fingerprint() -> None:
    prints = fingerprints(sources())
    runs = [f"{found.__module__.rpartition('.')[2]}.{found.__name__}.run" for found in WORKFLOWS]
    assert [run for run in runs if run not in prints] == []


BEFORE = """
async def run(self):
    await workflow.execute_activity_method(Programs.read_plan, plan, **PROGRAMS)
    if self.late:
        await tell(self.followers, "stop")
    await workflow.wait_condition(lambda: self.done)
"""


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("another activity", "Programs.read_plan", "Programs.record_stage"),
        ("a timer", "lambda: self.done)", "lambda: self.done, timeout=DAY)"),
        ("a condition", "if self.late:", "while self.late:"),
        ("a command less", '        await tell(self.followers, "stop")', "        pass"),
        ("a version", "if self.late:", 'if workflow.patched("late"):'),
        ("a cancelled handle", "    if self.late:", "    handle.cancel()\n    if self.late:"),
        ("a child", "await workflow.wait", "await workflow.start_child_workflow(Round.run)\n    await workflow.wait"),
    ],
)
def test_a_fingerprint_shows(what: str, old: str, new: str) -> None:
    assert old in BEFORE
    assert fingerprints({"a": BEFORE}) != fingerprints({"a": BEFORE.replace(old, new)})


@pytest.mark.parametrize(("old", "new"), [("plan, **PROGRAMS", "other, **PROGRAMS"), ("self.done)", "self.over)")])
def test_a_fingerprint_does_not_mind_what_replay_does_not_mind(old: str, new: str) -> None:
    assert old in BEFORE
    assert fingerprints({"a": BEFORE}) == fingerprints({"a": BEFORE.replace(old, new)})


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("Usage: python -m tests.workflows.test_fingerprints --write")
    FILE.write_text(written(fingerprints(sources())))
