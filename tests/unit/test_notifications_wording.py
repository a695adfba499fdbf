"""An organization's own words: what they may hold, how they are filled, and what they cannot change."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.rules.rendering import Facts, Rendered, render
from services.notifications.rules.samples import facts_of, sample_of
from services.notifications.rules.wording import (
    ABOUT,
    Placeholder,
    Wording,
    clean_body,
    faults_of,
    may_be_worded,
    our_words,
    own_words,
    placeholders_of,
)
from shared.contracts.notifications import Template
from shared.contracts.programs import Direction
from shared.language.words import LANGUAGES, words_of
from tests.unit.properties import examples

ENGLISH = words_of("en")
WORDED = [template for template in Template if may_be_worded(template)]
OURS_ALONE = {
    Template.PEOPLE_LEFT,
    Template.WEEKLY_OVERVIEW,
    Template.ENDPOINT_FAILING,
    Template.ENDPOINT_DISABLING_SOON,
    Template.ENDPOINT_DISABLED,
}
TRICKS = [
    "{program.__class__}",
    "{program!r}",
    "{program:>99999999}",
    "{program[0]}",
    "{0}",
    "{}",
    "{ program }",
    "{PROGRAM}",
    "{words}",
    "{link}",
    "{staff}",
    "{{ program }}",
    "{% include 'base.txt.j2' %}",
    "{{program}}",
    "{program",
    "program}",
    "}{",
]
OWN = Wording("Hello from {organization}", "First.\nStill first.\n\n<script>alert(1)</script> {program}")


def preview(template: Template, wording: Wording, facts: Facts | None = None) -> Rendered:
    given = facts or facts_of(template, ENGLISH)
    return render(template, given, ENGLISH, own_words(template, given, wording))


def test_every_message_to_people_may_be_worded_but_those_that_tell_how_to_use_the_api() -> None:
    assert set(Template) - set(WORDED) == OURS_ALONE


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("field", Wording._fields)
def test_nothing_but_the_exact_name_of_a_placeholder_may_stand_in_braces(trick: str, field: str) -> None:
    wording = Wording("Subject", "Body")._replace(**{field: f"See {trick} there"})
    faults = faults_of(Template.KICKOFF, wording)
    assert {fault.field for fault in faults} == {field}
    assert preview(Template.KICKOFF, wording) == sample_of(Template.KICKOFF, ENGLISH), "it is sent in our words"


def test_an_unknown_placeholder_is_named_once_and_not_at_length() -> None:
    [fault] = faults_of(Template.UNMATCHED, Wording("x", "{program} {salary} and {salary}"))
    assert (fault.code, fault.placeholder) == ("unknown_placeholder", "salary")
    assert fault.detail == (
        "{salary} is no placeholder of this message; it has {given_name}, {program}, {period}, {organization}."
    )
    [long] = faults_of(Template.UNMATCHED, Wording("x", f"{{{'y' * 900}}}"))
    assert len(long.placeholder) == 60


def test_a_deadline_is_of_messages_that_ask_and_a_number_of_check_ins() -> None:
    of = {template: set(placeholders_of(template)) for template in WORDED}
    assert Placeholder.DEADLINE in of[Template.SURVEY_REMINDER]
    assert Placeholder.NUMBER not in of[Template.SURVEY_REMINDER]
    assert {Placeholder.DEADLINE, Placeholder.NUMBER} <= of[Template.CHECK_IN_INVITATION]
    assert not {Placeholder.DEADLINE, Placeholder.NUMBER} & of[Template.KICKOFF]


@examples(60)
@given(st.text(max_size=300))
def test_text_without_braces_stays_as_it_is(text: str) -> None:
    plain = text.replace("{", "").replace("}", "")
    assert faults_of(Template.KICKOFF, Wording(plain, plain)) == []
    own = own_words(Template.KICKOFF, facts_of(Template.KICKOFF, ENGLISH), Wording("Subject", f"a{plain}b"))
    assert own is not None
    assert "".join("".join(own.paragraphs).split()) == "".join(f"a{plain}b".split())


@examples(60)
@given(st.text(alphabet="{}program_.![]: %x", max_size=60))
def test_what_has_no_fault_is_filled_and_anything_else_is_never_sent(text: str) -> None:
    wording = Wording(f"x{text}", f"x{text}")
    own = own_words(Template.KICKOFF, facts_of(Template.KICKOFF, ENGLISH), wording)
    assert (own is None) == bool(faults_of(Template.KICKOFF, wording))
    if own is not None:
        assert "{" not in own.subject
        assert own.subject.count("Digital Upward") == text.count("{program}")


@examples(30)
@given(st.text(min_size=1, max_size=60))
def test_a_value_is_never_searched_for_placeholders(name: str) -> None:
    facts = facts_of(Template.KICKOFF, ENGLISH)
    assert isinstance(facts, Facts)
    named = replace(facts, program_name="{given_name} {words}", given_name=name)
    own = own_words(Template.KICKOFF, named, Wording("x {program}", "{program}"))
    assert own is not None
    assert own.paragraphs == ("{given_name} {words}",)


@pytest.mark.parametrize("template", WORDED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_our_words_are_a_wording_and_as_such_give_our_message(template: Template, language: str) -> None:
    words = words_of(language)
    ours = our_words(template, words, Direction.REVERSE)
    assert faults_of(template, ours) == []
    assert clean_body(ours.body) == ours.body
    if template is not Template.KICKOFF:  # its subject depends on who the partners are
        assert sample_of(template, words, ours) == sample_of(template, words)


@pytest.mark.parametrize("template", WORDED)
def test_what_a_message_promises_stays_whatever_is_written(template: Template) -> None:
    ours, own = sample_of(template, ENGLISH), sample_of(template, ENGLISH, OWN)
    assert own.subject == "Hello from Example Inc"
    assert "<h1" in own.html
    assert ">Hello from Example Inc</h1>" in own.html
    for kept in (
        "Hello Ana,",
        "https://upward.example.com/p/sample-of-a-link",
        "Please answer by",
        "This link is yours alone",
        "This message was sent automatically.",
        "It goes ahead when both of you accept",
        "If you decline, we look for someone else",
        "Results are only shown for groups",
        "Proposed first meeting:",
        "lea.stern@example.com",
        "How to resolve a concern",
        "has ended",
        "earlier links no longer take answers",
        "Nothing is asked of you until then.",
    ):
        if kept in ours.text and not (kept == "has ended" and template.value.startswith("nobody")):
            assert kept in own.text, kept
            assert kept in own.html, kept


def test_own_words_are_escaped_in_html_and_keep_their_lines() -> None:
    rendered = preview(Template.UNMATCHED, OWN)
    assert (
        "<p>First.<br>\nStill first.</p>\n<p>&lt;script&gt;alert(1)&lt;/script&gt; Digital Upward</p>" in rendered.html
    )
    assert "\n\nFirst.\nStill first.\n\n<script>alert(1)</script> Digital Upward\n\n" in rendered.text


def test_a_value_in_own_words_is_escaped_too() -> None:
    facts = facts_of(Template.UNMATCHED, ENGLISH)
    assert isinstance(facts, Facts)
    rendered = preview(Template.UNMATCHED, Wording("{program}", "{program}"), replace(facts, program_name="<b>R&D"))
    assert "<p>&lt;b&gt;R&amp;D</p>" in rendered.html
    assert "<b>" not in rendered.html


def test_a_subject_is_one_line_whatever_is_stored_or_filled_in() -> None:
    facts = facts_of(Template.UNMATCHED, ENGLISH)
    assert isinstance(facts, Facts)
    evil = replace(facts, program_name="x\r\nBcc: all@acme.example")
    rendered = preview(Template.UNMATCHED, Wording("A\r\nBcc: b@acme.example {program}", "Body"), evil)
    assert rendered.subject == "A Bcc: b@acme.example x Bcc: all@acme.example"


def test_a_body_has_one_kind_of_line_break_and_no_hidden_characters() -> None:
    assert clean_body(" a\r\nb\u2028c\n \n\n\nd \r") == "a\nb\nc\n\nd"
    for wrong in ("", " \r\n ", "a\x00b", "a\u202eb"):
        with pytest.raises(ValueError, match=r"must not be empty|not allowed"):
            clean_body(wrong)


def test_each_placeholder_has_a_meaning() -> None:
    assert set(ABOUT) == set(Placeholder)
