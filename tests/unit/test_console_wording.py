"""What the pages of wordings show: which messages, which badges, and what is said about words that were refused."""

from uuid import UUID

from services.console.admin.wording.resources import Changed, Line
from services.console.admin.wording.view import LONE_BRACE, OTHERWISE, Place, errors_of, groups_of
from services.console.forms.errors import FieldError
from shared.contracts.notifications import Template
from shared.language.words import words_of

PROGRAM = UUID(int=7)
GERMAN = words_of("de")


def test_a_language_with_own_words_is_a_badge_and_a_program_s_go_before_those_of_all_programs() -> None:
    changed = tuple(
        Changed(language=language, source=source)
        for language, source in (("fr", "organization"), ("de", "organization"), ("de", "program"))
    )
    lines = (Line(template=Template.KICKOFF, changed=changed), Line(template=Template.APPROVAL_NEEDED, changed=()))
    participants, staff = groups_of(lines, PROGRAM, GERMAN)
    assert (participants.title, staff.title) == ("To participants", "To coordinators and sponsors")
    [kickoff] = participants.rows
    assert kickoff.address == f"/console/messages/wording/kickoff/de?program={PROGRAM}"
    assert [(badge.label, badge.of_program) for badge in kickoff.badges] == [
        ("Deutsch", True),
        ("Français (Französisch)", False),
    ]
    assert staff.rows[0].badges == ()


def test_a_place_names_its_program_to_the_api_and_to_the_browser() -> None:
    here, everywhere = (Place(Template.KICKOFF, "de", program) for program in (PROGRAM, None))
    assert here.api_path == f"/wordings/kickoff/de?program_id={PROGRAM}"
    assert here.reset_address == f"/console/messages/wording/kickoff/de/reset?program={PROGRAM}"
    assert everywhere.api_path == "/wordings/kickoff/de"


def test_each_refusal_is_told_once_beside_its_field_in_the_language_of_the_reader() -> None:
    named = [
        {"field": "body.body", "code": "unknown_placeholder", "placeholder": "x.__class__", "detail": "…"},
        {"field": "body.subject", "code": "lone_brace", "placeholder": "", "detail": "…"},
        {"field": "body.subject", "detail": "String should have at most 200 characters"},
        {"field": "body.subject", "detail": "Value error, must not be empty"},
        {"field": "body.template", "detail": "…"},
    ]
    assert errors_of(named, GERMAN) == (
        FieldError("body", "{x.__class__} ist hier kein Platzhalter."),
        FieldError("subject", LONE_BRACE),
        FieldError("subject", OTHERWISE["subject"]),
        FieldError("", OTHERWISE["body"]),
    )
