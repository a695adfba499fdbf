"""What was typed into each form becomes the answer, or errors beside the fields."""

from uuid import UUID, uuid4

import pytest
from starlette.datastructures import FormData

from services.console.forms.acceptance import AcceptancePage
from services.console.forms.check_in import CheckInPage
from services.console.forms.enrolment import EnrolmentPage
from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import Questionnaire
from services.console.forms.survey import SurveyPage
from shared.contracts.feedback import CheckInEntry, CheckInForm, Obstacle, PairQuestion, SurveyEntry, SurveyForm
from shared.contracts.intake import EnrolmentAnswer, EnrolmentForm, EnrolmentRole, MeetingWindow, TeachingLevel
from shared.contracts.matching import AcceptanceForm, Offer, Side
from shared.language.words import words_of

PAIR = UUID("6f2c1f8e-6a0e-4b0e-9a55-0d9c2d6a1b11")
OTHER = UUID("0b7b9d0c-5f9f-4c57-8f0c-3c8f5a2d7e22")


def typed(*fields: tuple[str, str]) -> FormData:
    return FormData([(name, value) for name, value in fields])


def refused(page: Questionnaire, *fields: tuple[str, str]) -> dict[str, str]:  # type: ignore[type-arg]
    with pytest.raises(Refused) as caught:
        page.parse(typed(*fields))
    return {error.field: error.message for error in caught.value.errors}


class TestEnrolment:
    page = EnrolmentPage()

    def test_every_field_becomes_part_of_the_answer(self) -> None:
        answer = self.page.parse(
            typed(
                ("role", "both"),
                ("topics_taught", "gaming"),
                ("topics_taught", "generative-ai"),
                ("taught_level_gaming", "2"),
                ("taught_level_leadership", "1"),
                ("topics_wanted_1", "leadership"),
                ("topics_wanted_2", ""),
                ("topics_wanted_3", "finance"),
                ("mentor_capacity", "2"),
                ("mentee_capacity", "3"),
                ("languages", "en"),
                ("languages", "de"),
                ("meeting_windows", "tue-am"),
                ("preferred_emails", "a@x.example\r\n\r\n b@x.example "),
                ("avoided_emails", "c@x.example, d@x.example"),
            )
        )
        assert answer == EnrolmentAnswer(
            role=EnrolmentRole.BOTH,
            topics_taught=("gaming", "generative-ai"),
            taught_levels={"gaming": TeachingLevel.GOOD},
            topics_wanted=("leadership", "finance"),
            mentor_capacity=2,
            mentee_capacity=3,
            languages=("en", "de"),
            meeting_windows=(MeetingWindow.TUE_AM,),
            preferred_emails=("a@x.example", "b@x.example"),
            avoided_emails=("c@x.example", "d@x.example"),
        )

    def test_not_this_time_sends_nothing_else(self) -> None:
        answer = self.page.parse(typed(("role", "none"), ("topics_taught", "gaming"), ("avoided_emails", "nonsense")))
        assert answer == EnrolmentAnswer(role=None)

    def test_a_topic_wanted_twice_counts_once_at_its_best_rank(self) -> None:
        ranks = [("topics_wanted_1", "ai"), ("topics_wanted_2", "games"), ("topics_wanted_3", "ai")]
        assert self.page.parse(typed(("role", "mentee"), *ranks)).topics_wanted == ("ai", "games")

    def test_what_the_page_hides_for_a_role_is_not_sent(self) -> None:
        fields = [("topics_taught", "gaming"), ("topics_wanted_1", "ai")]
        assert self.page.parse(typed(("role", "mentee"), *fields)).topics_taught == ()
        assert self.page.parse(typed(("role", "mentor"), *fields)).topics_wanted == ()

    @pytest.mark.parametrize("level", ["", "0", "4", "well", "٣"])
    def test_a_level_that_was_not_chosen_or_does_not_exist_is_told_beside_its_topic(self, level: str) -> None:
        fields = [("role", "mentor"), ("topics_taught", "ai"), ("taught_level_ai", level), ("taught_level_b", "9")]
        assert refused(self.page, *fields) == {"taught_level_ai": "Choose how well you could teach it."}

    def test_a_level_that_was_not_sent_is_the_highest_and_is_shown_so_later(self) -> None:
        answer = self.page.parse(typed(("role", "mentor"), ("topics_taught", "ai")))
        assert answer.taught_levels == {}
        form = EnrolmentForm(topics=(), languages=(), answer=answer)
        assert self.page.prefill(form).get("taught_level_ai") == "3"

    def test_wishes_keep_their_order(self) -> None:
        wishes = ("preferred_emails", "z@x.example\nb@x.example, a@x.example z@x.example")
        answer = self.page.parse(typed(("role", "mentor"), wishes))
        assert answer.preferred_emails == ("z@x.example", "b@x.example", "a@x.example")
        form = EnrolmentForm(topics=(), languages=(), answer=answer)
        assert self.page.parse(self.page.prefill(form)).preferred_emails == answer.preferred_emails

    @pytest.mark.parametrize("role", [(), (("role", ""),), (("role", "boss"),)])
    def test_the_role_must_be_chosen(self, role: tuple[tuple[str, str], ...]) -> None:
        assert refused(self.page, *role) == {"role": "Choose how you would like to take part."}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("mentor_capacity", "6"),
            ("mentee_capacity", "many"),
            ("meeting_windows", "sun-am"),
            ("preferred_emails", "Bernd Falk"),
            ("avoided_emails", "x@"),
            ("preferred_emails", "\n".join(f"p{n}@x.example" for n in range(6))),
        ],
    )
    def test_a_wrong_field_is_named_and_its_value_not_repeated(self, name: str, value: str) -> None:
        errors = refused(self.page, ("role", "both"), (name, value))
        assert list(errors) == [name]
        assert value not in errors[name]

    def test_all_wrong_fields_are_told_at_once(self) -> None:
        assert set(refused(self.page, ("mentor_capacity", "0"), ("avoided_emails", "x"))) == {
            "role",
            "mentor_capacity",
            "avoided_emails",
        }

    def test_the_fields_show_the_answer_given_before(self) -> None:
        answer = EnrolmentAnswer(
            role=EnrolmentRole.BOTH,
            topics_taught=("gaming",),
            taught_levels={"gaming": TeachingLevel.BASICS},
            topics_wanted=("ai", "games"),
            mentor_capacity=2,
            languages=("de",),
            meeting_windows=(MeetingWindow.FRI_PM,),
            avoided_emails=("c@x.example", "d@x.example"),
        )
        form = EnrolmentForm(topics=(), languages=(), answer=answer)
        assert self.page.parse(self.page.prefill(form)) == answer

    def test_the_fields_show_that_someone_said_not_this_time(self) -> None:
        form = EnrolmentForm(topics=(), languages=(), answer=EnrolmentAnswer(role=None))
        assert self.page.prefill(form)["role"] == "none"

    def test_the_owners_errors_land_beside_their_fields(self) -> None:
        found = self.page.errors_of(
            [
                {"field": "topics_wanted.1", "detail": "unknown"},
                {"field": "body.preferred_emails.0", "detail": "unheard of"},
                {"field": "topics_taught", "detail": "none"},
                {"field": "elsewhere", "detail": "odd"},
                {"field": "taught_levels.1", "detail": "odd"},
                {"field": "body.taught_levels", "detail": "many"},
            ],
            EnrolmentAnswer(role=None, taught_levels=dict.fromkeys(("ai", "gaming"), TeachingLevel.GOOD)),
        )
        fields = ["topics_wanted_2", "preferred_emails", "topics_taught", "", "taught_level_gaming", "topics_taught"]
        assert [error.field for error in found] == fields
        assert found[1].told(words_of("en")) == "Address 1: unheard of"
        assert found[1].told(words_of("fr")) == "Adresse 1\u00a0: unheard of"


class TestAcceptance:
    page = AcceptancePage()

    @pytest.mark.parametrize(("value", "accept"), [("accept", True), ("decline", False)])
    def test_a_decision_becomes_the_answer(self, value: str, accept: bool) -> None:
        answer = self.page.parse(typed((f"decision_{PAIR}", value)))
        assert [(decision.pair_id, decision.accept) for decision in answer.decisions] == [(PAIR, accept)]

    def test_one_offer_may_be_left_for_later(self) -> None:
        fields = [("pair_id", str(PAIR)), ("pair_id", str(OTHER)), (f"decision_{OTHER}", "accept")]
        assert [decision.pair_id for decision in self.page.parse(typed(*fields)).decisions] == [OTHER]

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ((("pair_id", str(PAIR)),), f"decision_{PAIR}"),
            ((("pair_id", str(PAIR)), (f"decision_{PAIR}", "perhaps")), f"decision_{PAIR}"),
            ((), ""),
            ((("decision_nonsense", "accept"),), ""),
        ],
    )
    def test_a_missing_or_unknown_decision_is_refused(self, fields: tuple[tuple[str, str], ...], wrong: str) -> None:
        assert refused(self.page, *fields) == {wrong: "Choose accept or decline."}

    def test_too_many_decisions_are_refused(self) -> None:
        assert set(refused(self.page, *((f"decision_{uuid4()}", "accept") for _ in range(21)))) == {""}

    def test_the_fields_show_the_decision_made_before(self) -> None:
        offers = [
            Offer(pair_id=PAIR, side=Side.MENTOR, partner_id=uuid4(), reasons=(), accepted=False),
            Offer(pair_id=OTHER, side=Side.MENTEE, partner_id=uuid4(), reasons=()),
        ]
        shown = self.page.prefill(AcceptanceForm(offers=tuple(offers)))
        assert dict(shown.multi_items()) == {f"decision_{PAIR}": "decline"}

    def test_the_owners_errors_land_beside_their_pair(self) -> None:
        answer = self.page.parse(typed((f"decision_{PAIR}", "accept"), (f"decision_{OTHER}", "decline")))
        found = self.page.errors_of(
            [{"field": "decisions.1.pair_id", "detail": "no"}, {"field": "decisions.9"}], answer
        )
        assert found == (FieldError(f"decision_{OTHER}", "no"), FieldError("", ""))


class TestCheckIn:
    page = CheckInPage()

    def test_what_was_said_of_a_pair_becomes_an_entry(self) -> None:
        answer = self.page.parse(
            typed(
                (f"met_{PAIR}", "yes"),
                (f"usefulness_{PAIR}", "4"),
                (f"obstacle_{PAIR}", "no_time"),
                (f"note_{PAIR}", " Line one\r\nline two\x00 "),
            )
        )
        (entry,) = answer.entries
        assert (entry.pair_id, entry.met, entry.usefulness, entry.obstacle) == (PAIR, True, 4, Obstacle.NO_TIME)
        assert entry.note == "Line one\nline two"

    def test_without_a_meeting_there_is_no_usefulness(self) -> None:
        (entry,) = self.page.parse(typed((f"met_{PAIR}", "no"), (f"usefulness_{PAIR}", "4"))).entries
        assert (entry.met, entry.usefulness, entry.obstacle) == (False, None, Obstacle.NONE)

    def test_a_pair_of_which_nothing_was_said_is_left_for_later(self) -> None:
        untouched = [("pair_id", str(OTHER)), (f"obstacle_{OTHER}", "none"), (f"note_{OTHER}", "")]
        answer = self.page.parse(typed(*untouched, (f"met_{PAIR}", "no")))
        assert [entry.pair_id for entry in answer.entries] == [PAIR]

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ((("obstacle_", "none"), ("note_", "")), "met_"),
            ((("note_", "hello"),), "met_"),
            ((("obstacle_", "not_a_fit"),), "met_"),
            ((("met_", "perhaps"),), "met_"),
            ((("met_", "yes"),), "usefulness_"),
            ((("met_", "yes"), ("usefulness_", "6")), "usefulness_"),
            ((("met_", "no"), ("obstacle_", "weather")), "obstacle_"),
            ((("met_", "no"), ("note_", "x" * 2001)), "note_"),
        ],
    )
    def test_what_is_missing_or_wrong_is_named(self, fields: tuple[tuple[str, str], ...], wrong: str) -> None:
        assert set(refused(self.page, *((f"{name}{PAIR}", value) for name, value in fields))) == {f"{wrong}{PAIR}"}

    def test_an_empty_form_is_refused(self) -> None:
        assert set(refused(self.page)) == {""}

    def test_too_many_pairs_are_refused(self) -> None:
        assert set(refused(self.page, *((f"met_{uuid4()}", "no") for _ in range(21)))) == {""}

    def test_the_owners_errors_land_beside_their_pair(self) -> None:
        answer = self.page.parse(typed((f"met_{PAIR}", "no")))
        errors = [{"field": name, "detail": "x"} for name in ("entries.0.note", "entries.0.pair_id", "entries.7.note")]
        assert [e.field for e in self.page.errors_of(errors, answer)] == [f"note_{PAIR}", f"met_{PAIR}", ""]

    def test_nothing_is_filled_in_before(self) -> None:
        assert not self.page.prefill(CheckInForm(number=1, pairs=()))


class TestSurvey:
    page = SurveyPage()

    def test_what_was_said_of_a_pair_becomes_an_entry(self) -> None:
        answer = self.page.parse(
            typed((f"usefulness_{PAIR}", "5"), (f"would_repeat_{PAIR}", "no"), (f"comment_{PAIR}", "Good."))
        )
        (entry,) = answer.entries
        assert (entry.pair_id, entry.usefulness, entry.would_repeat, entry.comment) == (PAIR, 5, False, "Good.")

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ((("comment_", ""),), {"usefulness_", "would_repeat_"}),
            ((("comment_", "hello"),), {"usefulness_", "would_repeat_"}),
            ((("usefulness_", "3"),), {"would_repeat_"}),
            ((("would_repeat_", "yes"),), {"usefulness_"}),
            ((("usefulness_", "0"), ("would_repeat_", "yes")), {"usefulness_"}),
            ((("usefulness_", "3"), ("would_repeat_", "perhaps")), {"would_repeat_"}),
            ((("usefulness_", "3"), ("would_repeat_", "yes"), ("comment_", "x" * 2001)), {"comment_"}),
        ],
    )
    def test_what_is_missing_or_wrong_is_named(self, fields: tuple[tuple[str, str], ...], wrong: set[str]) -> None:
        found = refused(self.page, *((f"{name}{PAIR}", value) for name, value in fields))
        assert set(found) == {f"{name}{PAIR}" for name in wrong}

    def test_the_owners_errors_land_beside_their_pair(self) -> None:
        answer = self.page.parse(typed((f"usefulness_{PAIR}", "5"), (f"would_repeat_{PAIR}", "yes")))
        (error,) = self.page.errors_of([{"field": "entries.0.would_repeat", "detail": "x"}], answer)
        assert error.field == f"would_repeat_{PAIR}"


def test_a_returning_reader_sees_what_they_sent() -> None:
    said = CheckInEntry(pair_id=PAIR, met=True, usefulness=4, obstacle=Obstacle.TOPIC, note="Next: short video")
    looked_back = SurveyEntry(pair_id=PAIR, usefulness=5, would_repeat=False, comment="Thanks")
    asked = PairQuestion(pair_id=PAIR, side=Side.MENTOR, partner_id=OTHER, check_in=said, survey=looked_back)
    check_in, survey = CheckInPage(), SurveyPage()
    assert check_in.parse(check_in.prefill(CheckInForm(number=2, pairs=(asked,)))).entries == (said,)
    assert survey.parse(survey.prefill(SurveyForm(pairs=(asked,)))).entries == (looked_back,)
