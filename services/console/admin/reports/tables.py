"""The charts of a report as tables in CSV: what is hidden on the page is hidden here, and each table says why."""

from collections.abc import Iterable, Iterator, Sequence

from services.console.admin.reports.charts import Chart, Figure, Row, difference
from shared.http.tables import MARK, table_line
from shared.language.words import Words, translatable

WHY = (
    translatable("A figure about fewer than five people is hidden."),
    translatable("If it could be computed from other figures, the smallest of these are hidden too."),
    translatable(
        "A share is shown only if at least five people said yes and at least five said no. Otherwise it would tell "
        "what each one said."
    ),
)
"""The rules by which a figure is hidden, as the page of the report says them (`charts.html`)."""
PLACES = 4


def table_of(words: Words, charts: Sequence[Chart]) -> str:
    """One chart as a table with a header, or several, each below its title."""
    parts = ["".join(_lines(words, chart, titled=len(charts) > 1)) for chart in charts]
    return MARK + table_line([]).join(parts)


def why_hidden(words: Words) -> str:
    return " ".join(map(words.gettext, WHY))


def _lines(words: Words, chart: Chart, *, titled: bool) -> Iterator[str]:
    note = words.gettext("Note")
    if titled:
        yield table_line([chart.title])
    difference_too = [words.gettext("Difference")] if chart.compared else []
    yield table_line([chart.column, *(cell for name in chart.series for cell in (name, note)), *difference_too])
    for row in chart.rows:
        yield table_line(_cells(words, row, compared=chart.compared))


def _cells(words: Words, row: Row, *, compared: bool) -> Iterable[object]:
    yield row.label
    for figure in row.figures:
        yield _value(figure)
        yield why_hidden(words) if figure.hidden else figure.aside
    if compared:
        yield difference(row.figures)


def _value(figure: Figure) -> object:
    """The figure itself where there is one, so that a spreadsheet can compute with it."""
    if figure.value is None:
        return figure.text if figure.hidden else None
    return round(figure.value, PLACES) if figure.exact else figure.text
