"""What a definition of a program would do, for somebody who is about to store it. Pure."""

from datetime import datetime

from services.programs.resources import ProgramPreview
from services.programs.rules.calendar import next_recurrences
from services.programs.rules.definition import ProgramDefinition
from services.programs.rules.reminders import notes_on_definition

STARTS = 4
"""A year of quarters."""


def preview(definition: ProgramDefinition, now: datetime) -> ProgramPreview:
    starts = next_recurrences(now, definition.time_zone, STARTS) if definition.recurs else ()
    return ProgramPreview(next_recurrences=starts, notes=notes_on_definition(definition.calendar))
