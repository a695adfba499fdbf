"""A round that is made shorter keeps the reminders that still fit, and says which."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.programs.rules.definition import ProgramDefinition, changed_calendar
from services.programs.rules.reminders import notes_on_definition, notes_on_request
from shared.contracts.programs import Calendar, RoundPlan
from tests.unit.properties import examples

ROUNDS = ("enrolment", "acceptance", "check_in", "survey")


def defined(**calendar: Any) -> Calendar:
    return ProgramDefinition.model_validate({"name": "x", "calendar": calendar}).calendar


def days(*counts: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(days=count) for count in counts)


@pytest.mark.parametrize(
    ("length", "kept"), [("P10D", days(7)), ("P7D", ()), ("P8D", days(7)), ("P12D", days(7)), ("P30D", days(7, 12))]
)
def test_the_default_reminders_that_fit_are_kept(length: str, kept: tuple[timedelta, ...]) -> None:
    assert defined(enrolment={"length": length}).enrolment.reminders == kept
    assert changed_calendar(Calendar(), {"enrolment": {"length": length}}).enrolment.reminders == kept


@pytest.mark.parametrize("reminders", [[], ["P2D"], ["P2D", "P9D"]])
def test_reminders_that_are_named_are_those(reminders: list[str]) -> None:
    found = defined(enrolment={"length": "P10D", "reminders": reminders}).enrolment
    assert found == RoundPlan.model_validate({"length": "P10D", "reminders": reminders})


def test_a_cycle_keeps_those_of_its_program_and_not_the_default_ones() -> None:
    program = defined(enrolment={"length": "P20D", "reminders": ["P5D", "P15D"]})
    found = changed_calendar(program, {"enrolment": {"length": "P10D"}})
    assert found.enrolment.reminders == days(5)
    assert notes_on_request(found, program) == (
        "calendar.enrolment: of the reminders of the program, P5D is kept, and P15D does not fit into P10D.",
    )
    assert notes_on_request(changed_calendar(program, {"check_ins": 2}), program) == ()


def test_a_program_says_which_default_reminders_do_not_fit() -> None:
    assert notes_on_definition(defined(enrolment={"length": "P10D"}, acceptance={"length": "P1D"})) == (
        "calendar.enrolment: of the reminders of the default, P7D is kept, and P12D does not fit into P10D.",
        "calendar.acceptance: P3D does not fit into P1D.",
    )
    assert notes_on_definition(Calendar()) == ()
    assert notes_on_definition(defined(enrolment={"length": "P30D"})) == ()
    assert notes_on_definition(defined(enrolment={"length": "P10D", "reminders": ["P2D"]})) == ()


@examples(50)
@given(st.sampled_from(ROUNDS), st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=600)))
def test_whatever_the_length_all_reminders_fall_inside_and_none_that_fits_is_lost(name: str, length: timedelta) -> None:
    written = RoundPlan(length=length).model_dump(mode="json")["length"]
    calendar: dict[str, Any] = {name: {"length": written}, "check_in_every": "P600D"}
    before = getattr(Calendar(), name)
    found = getattr(defined(**calendar), name)
    assert found == RoundPlan.model_validate({"length": written, "reminders": found.reminders})
    assert found.reminders == tuple(one for one in before.reminders if one < length)
    stored = Calendar.model_validate_json(defined(**calendar).model_dump_json())
    assert getattr(stored, name) == found
