"""Applications: topics become codes, wishes become people, and errors repeat nothing private."""

from uuid import UUID, uuid4

import pytest

from services.intake.rules.applications import ApplicationInvalid, check_application, emails_of
from shared.contracts.intake import EnrolmentAnswer, EnrolmentRole, TeachingLevel
from shared.contracts.programs import Topic

TOPICS = (
    Topic(code="ai-tools", label="Artificial intelligence", aliases=("KI", "machine learning")),
    Topic(code="social", label="Social media"),
)
ME, ANN = uuid4(), uuid4()
PEOPLE = {"ann@x.example": ANN, "me@x.example": ME}


def fields_of(answer: EnrolmentAnswer) -> list[str]:
    with pytest.raises(ApplicationInvalid) as caught:
        check_application(answer, TOPICS, PEOPLE, ME)
    assert "@" not in str(caught.value.extra)
    return [error["field"] for error in caught.value.extra["errors"]]


@pytest.mark.parametrize("text", ["ai-tools", "AI Tools", " ki ", "Artificial  Intelligence", "Machine-Learning"])
def test_codes_labels_and_aliases_mean_the_topic(text: str) -> None:
    answer = EnrolmentAnswer(role=EnrolmentRole.MENTOR, topics_taught=(text, "ai-tools"))

    assert check_application(answer, TOPICS, {}, ME).topics_taught == ["ai-tools"]


def test_the_order_of_wanted_topics_is_kept() -> None:
    answer = EnrolmentAnswer(role=EnrolmentRole.MENTEE, topics_wanted=("Social media", "KI", "social"))

    assert check_application(answer, TOPICS, {}, ME).topics_wanted == ["social", "ai-tools"]


def test_levels_are_folded_like_the_topics_they_are_about() -> None:
    answer = EnrolmentAnswer(
        role=EnrolmentRole.MENTOR,
        topics_taught=("ai-tools", "Social media"),
        taught_levels={" ki ": TeachingLevel.BASICS, "Machine Learning": TeachingLevel.BASICS},
    )

    assert check_application(answer, TOPICS, {}, ME).taught_levels == {"ai-tools": TeachingLevel.BASICS}


def test_a_level_is_about_a_topic_that_is_taught_and_said_once() -> None:
    levels = {"ki": 2, "social": 3, "golf": 1, "ai-tools": 1}
    answer = EnrolmentAnswer.model_validate({"role": "mentor", "topics_taught": ["ki"], "taught_levels": levels})

    assert fields_of(answer) == ["taught_levels.1", "taught_levels.2", "taught_levels.3"]


def test_unknown_topics_and_addresses_are_named_by_field_and_position() -> None:
    answer = EnrolmentAnswer(
        role=EnrolmentRole.BOTH,
        topics_taught=("ki", "golf"),
        topics_wanted=("golf",),
        languages=("en", "?"),
        preferred_emails=("ANN@x.example ", "who@x.example"),
        avoided_emails=("who@x.example",),
    )

    assert fields_of(answer) == [
        "topics_taught.1", "topics_wanted.0", "languages.1", "preferred_emails.1", "avoided_emails.0"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        (EnrolmentRole.MENTOR, ["topics_taught"]),
        (EnrolmentRole.MENTEE, ["topics_wanted"]),
        (EnrolmentRole.BOTH, ["topics_taught", "topics_wanted"]),
    ],
)
def test_each_role_names_the_topics_it_needs(role: EnrolmentRole, fields: list[str]) -> None:
    assert fields_of(EnrolmentAnswer(role=role)) == fields


def test_nobody_prefers_or_avoids_themselves_or_does_both_with_one_person() -> None:
    answer = EnrolmentAnswer(
        role=EnrolmentRole.MENTOR,
        topics_taught=("ki",),
        preferred_emails=("me@x.example", "ann@x.example"),
        avoided_emails=("ann@x.example",),
    )

    assert fields_of(answer) == ["preferred_emails", "avoided_emails"]


def test_the_order_of_wishes_is_their_rank() -> None:
    people = {f"p{number}@x.example": uuid4() for number in range(5)}
    wishes = ("p3@x.example", "p0@x.example", "P4@x.example", "p3@x.example", "p1@x.example")
    answer = EnrolmentAnswer(role=EnrolmentRole.MENTOR, topics_taught=("ki",), preferred_emails=wishes)

    ranked = [people[f"p{number}@x.example"] for number in (3, 0, 4, 1)]
    assert check_application(answer, TOPICS, people, ME).preferred == ranked


def test_wishes_become_people_once_each() -> None:
    answer = EnrolmentAnswer(
        role=EnrolmentRole.MENTOR, topics_taught=("ki",), avoided_emails=("ann@x.example", " Ann@X.example")
    )
    expected: list[UUID] = [ANN]

    assert emails_of(answer) == {"ann@x.example"}
    assert check_application(answer, TOPICS, PEOPLE, ME).avoided == expected


def test_who_declines_needs_nothing_else_right() -> None:
    application = check_application(EnrolmentAnswer(role=None, topics_taught=("golf",)), TOPICS, {}, ME)

    assert application.role is None
    assert application.topics_taught == []
