"""Deleting a row makes Postgres look for rows that refer to it. Without an index it would read their whole table, once
for each row that is deleted."""

import ast
from collections.abc import Iterator, Sequence
from typing import Any, cast

from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from shared.database import Base
from tests.architecture.sources import CODE, python_files
from tests.services.tables import import_tables

DELETING = {"delete", "delete_some"}
LOOPED = {"model", "table"}
"""Names that stand for several tables, each of which is named elsewhere or refers to a table that is."""


def deleted_from() -> set[str]:
    """What the code deletes from, by the names of the tables' classes or of variables."""
    found = set()
    for path in python_files(*CODE):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DELETING:
                found |= {given.id for given in node.args if isinstance(given, ast.Name)}
    return found - {"session"}


def tables() -> dict[str, Table]:
    """Each table by the name of its class."""
    import_tables()
    return {mapper.class_.__name__: cast(Table, mapper.local_table) for mapper in Base.registry.mappers}


def indexed(table: Table) -> Iterator[Sequence[object]]:
    """The columns of each index that holds all rows, in their order."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield list(constraint.columns)
    for index in table.indexes:
        if index.dialect_options["postgresql"]["where"] is None:
            yield list(index.expressions)


def finds(columns: Sequence[object], key: ForeignKeyConstraint) -> bool:
    """Whether an index of these columns begins with so many of the key that they name one row of the parent."""
    refers: dict[object, Column[Any]] = {element.parent: element.column for element in key.elements}
    named = set[Column[object]]()
    for column in columns:
        if column not in refers:
            break
        named.add(refers[column])
    return set(key.referred_table.primary_key.columns) <= named


def test_a_foreign_key_to_rows_that_are_deleted_has_an_index_that_begins_with_it() -> None:
    known, named = tables(), deleted_from()
    assert named - known.keys() == LOOPED, "name the table in the statement that deletes"
    parents = {known[name] for name in named & known.keys()}
    keys = [key for table in known.values() for key in table.foreign_key_constraints if key.referred_table in parents]
    assert {"announcement", "endpoint"} <= {key.referred_table.name for key in keys}
    without = [key.name for key in keys if not any(finds(columns, key) for columns in indexed(key.table))]
    assert without == []


def test_no_row_is_deleted_without_a_statement_that_names_its_table() -> None:
    """Which the test above could not see."""
    hidden = [
        (path.name, node.lineno)
        for path in python_files(*CODE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr, getattr(node.func.value, "id", "")) == ("delete", "session")
    ]
    assert hidden == []


def test_an_index_that_begins_with_another_column_does_not_count() -> None:
    message = tables()["MessageRow"]
    (key,) = message.foreign_key_constraints
    columns = message.columns
    assert finds([columns["announcement_id"], columns["due_at"]], key)
    assert not finds([columns["organization_id"], columns["announcement_id"]], key)
