"""What a definition of a program would do, for somebody who is about to store it. Pure."""

from datetime import datetime

from services.programs.resources import ProgramPreview
from services.programs.rules.calendar import next_recurrences
from services.programs.rules.definition import ProgramDefinition
from services.programs.rules.reminders import notes_on_definition
from services.programs.rules.timeline import planned_rounds

STARTS = 4
"""A year of quarters."""


def preview(definition: ProgramDefinition, now: datetime, starts_at: datetime | None = None) -> ProgramPreview:
    """The dates are those of a cycle that starts at `starts_at`: by default when the next one starts by itself, or
    else now."""
    starts = next_recurrences(now, definition.time_zone, STARTS) if definition.recurs else ()
    begins = starts_at or (starts[0] if starts else now)
    return ProgramPreview(
        next_recurrences=starts,
        notes=notes_on_definition(definition.calendar),
        starts_at=begins,
        rounds=planned_rounds(definition.calendar, begins),
    )
