"""What an uploaded file holds: its columns with examples, and which of our fields each of them seems to be. Pure."""

from functools import partial
from itertools import islice
from typing import Literal

from services.intake.importing.cells import clean
from services.intake.importing.column_map import ColumnMap, Columns
from services.intake.importing.columns import is_header, recognised
from services.intake.importing.csv_file import read_table
from shared.contracts.base import Contract

EXAMPLES = 3
LONGEST_EXAMPLE = 60
MOST_SHOWN = 200
SEARCHED = 2_000
"""So many rows are searched for examples."""
FIELDS = (*Columns.model_fields, "status")
"""Our fields that a column can hold."""


class FileColumn(Contract):
    header: str
    field: str | None
    """Our field that the column holds: as the mapping says, or else as its header is known."""
    how: Literal["mapped", "recognised", "unused"]
    examples: tuple[str, ...]
    """The first cells that are not empty."""


class FileLook(Contract):
    """What the file holds, as far as it can be told before its rows are read."""

    header_line: int
    rows: int
    columns: tuple[FileColumn, ...]
    """The first 200."""


def look_at(data: bytes, column_map: ColumnMap) -> FileLook:
    """Raises ImportInvalid if the file cannot be read at all."""
    formats, table = column_map.formats, column_map.table
    found = read_table(
        data,
        encoding=formats.encoding,
        delimiter=formats.delimiter,
        sheet=table.sheet,
        header_line=table.header_line,
        is_header=partial(is_header, column_map=column_map),
    )
    header = [clean(cell) for cell in found.header.cells]
    layout = {column.position: (field, column) for field, column in recognised(found.header.cells, column_map).items()}
    columns = []
    for position, name in enumerate(header[:MOST_SHOWN]):
        rows = islice(found.rows, SEARCHED)
        cells = (clean(row.cells[position][:LONGEST_EXAMPLE]) for row in rows if position < len(row.cells))
        examples = islice((cell for cell in cells if cell), EXAMPLES)
        field, column = layout.get(position, (None, None))
        how: Literal["mapped", "recognised", "unused"] = "unused"
        if column is not None:
            how = "mapped" if column.mapped else "recognised"
        columns.append(FileColumn(header=name, field=field, how=how, examples=tuple(examples)))
    return FileLook(header_line=found.header.line, rows=len(found.rows), columns=tuple(columns))


def fitting(column_map: ColumnMap, headers: frozenset[str]) -> ColumnMap:
    """The mapping of an earlier file as far as this one has its columns. Answers about single rows are left out, and
    so is where the header stood."""
    columns = {
        name: header
        for name, header in column_map.columns.model_dump(exclude_none=True).items()
        if not header or header in headers
    }
    kept = column_map.model_dump(exclude={"columns", "identity", "table"})
    if kept["status"]["column"] and kept["status"]["column"] not in headers:
        kept["status"] |= {"column": None}
    return ColumnMap.model_validate({**kept, "columns": columns})
