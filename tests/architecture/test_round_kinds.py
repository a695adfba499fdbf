"""Every kind of round, every message and every service is there as a whole, or nothing starts."""

import importlib
import typing

import pytest
from fastapi.routing import iter_route_contexts

from bench.answers import ANSWERS
from services.console.forms.registry import QUESTIONNAIRES, questionnaire_of
from services.console.forms.survey import SurveyPage
from services.console.pages import missing_templates
from services.feedback.store.answers import ANSWER_TABLES
from services.notifications.rules.rendering import ENVIRONMENT, missing_texts
from shared.contracts.base import Service
from shared.contracts.notifications import Template
from shared.contracts.round_kinds import DECLARATIONS, RoundKindUnknown, declaration_of, declare
from shared.contracts.rounds import RoundActivities, RoundKind
from tests.architecture.documents import table_rows
from tests.trial_round import DECLARATION, TRIAL, declared_trial
from upward.composition import ACTIVITIES, ROUND_KINDS, ROUTERS
from upward.round_kinds import RoundKindsIncomplete, check_round_kinds
from workflows.options import OPTIONS


@pytest.mark.parametrize("kind", RoundKind)
def test_a_kind_has_an_owner_messages_a_page_and_words(kind: RoundKind) -> None:
    declared = declaration_of(kind)
    assert kind in ROUND_KINDS[declared.owner]
    assert OPTIONS[declared.owner]["task_queue"] == declared.owner.value
    assert (declared.invitation.value, declared.reminder.value) == (f"{kind}_invitation", f"{kind}_reminder")
    page = questionnaire_of(kind)
    assert (page.kind, page.title != "", missing_templates(page.template, page.thanks)) == (kind, True, [])
    assert kind in ANSWERS, "the bench answers it for everyone"


def test_what_is_published_is_what_is_declared_and_registered() -> None:
    owned = [kind for kinds in ROUND_KINDS.values() for kind in kinds]
    assert set(RoundKind) == set(DECLARATIONS) == set(QUESTIONNAIRES) == set(owned)
    assert len(owned) == len(set(owned)), "a kind has one owner"
    assert {row[0].strip("`"): row[1] for row in table_rows("docs/cycle.md", "## The rounds")} == {
        kind.value: declared.owner.value for kind, declared in DECLARATIONS.items()
    }


@pytest.mark.parametrize("owner", ROUND_KINDS)
def test_an_owner_has_the_activities_of_rounds(owner: Service) -> None:
    main = importlib.import_module(f"services.{owner}.main")
    assert issubclass(typing.get_type_hints(main.create_activities)["return"], RoundActivities)


@pytest.mark.parametrize("kind", RoundKind)
def test_an_owner_serves_the_form_and_takes_the_answer_where_the_declaration_says(kind: RoundKind) -> None:
    declared = declaration_of(kind)
    served = {str(found.path) for found in iter_route_contexts(ROUTERS[declared.owner].routes)}
    place = f"/internal/{declared.owner}{declared.path}/{{round_id}}"
    assert {f"{place}/forms/{{person_id}}", f"{place}/answers/{{person_id}}"} <= served


@pytest.mark.parametrize("template", Template)
def test_a_message_has_a_text_with_a_subject_and_a_page(template: Template) -> None:
    assert missing_texts(template) == []
    assert "subject" in ENVIRONMENT.get_template(f"{template.value}.txt.j2").blocks


def test_a_service_that_has_activities_has_options_and_no_other_has() -> None:
    assert set(OPTIONS) == set(ACTIVITIES)


def test_what_is_there_may_start() -> None:
    check_round_kinds()


def test_a_kind_that_nobody_declared_is_refused() -> None:
    with pytest.raises(RoundKindUnknown, match="nobodys is not declared in shared/contracts/round_kinds"):
        declaration_of(RoundKind.add("nobodys"))


def test_a_kind_is_declared_once_and_shares_no_message() -> None:
    with pytest.raises(ValueError, match="survey is declared twice"):
        declare(declaration_of(RoundKind.SURVEY))
    with pytest.raises(ValueError, match="trial and survey both send survey_reminder"):
        declare(DECLARATION.model_copy(update={"reminder": Template.SURVEY_REMINDER}))
    assert TRIAL not in DECLARATIONS


def test_a_new_kind_that_is_whole_may_start() -> None:
    with declared_trial():
        check_round_kinds()
    assert TRIAL not in DECLARATIONS


class UntitledPage(SurveyPage):
    kind = TRIAL
    title = ""
    template = "nowhere.html"


def test_nothing_starts_while_a_kind_lacks_a_part_and_the_error_names_every_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(DECLARATIONS, TRIAL, DECLARATION)
    with pytest.raises(RoundKindsIncomplete) as caught:
        check_round_kinds()
    for part in (
        "trial is not among the ROUND_KINDS of its owner, feedback",
        "trial has no text services/notifications/templates/trial_invitation.txt.j2",
        "trial has no text services/notifications/templates/trial_reminder.html.j2",
        "trial has no page registered in services/console/forms/registry.py",
        "CONTRIBUTING.md",
    ):
        assert part in str(caught.value)
    monkeypatch.setitem(QUESTIONNAIRES, TRIAL, UntitledPage())
    with pytest.raises(RoundKindsIncomplete, match=r"trial has no title on pages; trial has no page .*nowhere\.html"):
        check_round_kinds()


def test_nothing_starts_while_something_is_registered_for_a_kind_that_nobody_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(QUESTIONNAIRES, TRIAL, UntitledPage())
    monkeypatch.setitem(ANSWER_TABLES, TRIAL, ANSWER_TABLES[RoundKind.SURVEY])
    with pytest.raises(
        RoundKindsIncomplete,
        match="page for trial, which is not declared; feedback owns trial, which is not declared",
    ):
        check_round_kinds()


def test_nothing_starts_while_two_services_own_a_kind_or_a_published_one_is_not_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ANSWER_TABLES, RoundKind.ENROLMENT, ANSWER_TABLES[RoundKind.SURVEY])
    with pytest.raises(RoundKindsIncomplete, match="feedback owns enrolment, which is declared as of intake"):
        check_round_kinds()
    monkeypatch.delitem(ANSWER_TABLES, RoundKind.ENROLMENT)
    monkeypatch.delitem(DECLARATIONS, RoundKind.SURVEY)
    with pytest.raises(RoundKindsIncomplete, match="survey is published and not declared"):
        check_round_kinds()
