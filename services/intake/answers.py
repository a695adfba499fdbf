"""The enrolment round as one person meets it: the form that they see, and the answer that they give.

The cycle's topics are read outside of the transactions, so that no connection to the database is held while another
service is asked.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.cycle_topics import read_terms, read_topics
from services.intake.rules.applications import check_application, emails_of
from services.intake.store import enrolments, people
from services.intake.store.prospects import roles_without_partner
from shared.contracts.events import EnrolmentSubmitted
from shared.contracts.intake import EnrolmentAnswer, EnrolmentForm
from shared.contracts.programs import Topic
from shared.contracts.rounds import AnswerRecorded
from shared.database import Database
from shared.errors import Forbidden
from shared.events import emit
from shared.http.internal import Internal
from shared.rounds.store import asked_subjects, lock_open_round, mark_all_answered


async def read_form(
    database: Database, internal: Internal, organization_id: UUID, round_id: UUID, person_id: UUID
) -> EnrolmentForm:
    """What the enrolment page shows to this person.

    Raises NotFound, RoundIsClosed (410), Forbidden for someone who is not asked.
    """
    async with database.single_statements() as session:
        asked = await enrolments.read_asked(session, organization_id, round_id, person_id)
        if not asked.now:
            raise Forbidden("This person is not asked in this round.", code="not_asked")
        languages = await people.read_languages(session, organization_id)
        answer = await enrolments.read_answer(session, organization_id, asked.cycle_id, person_id)
    terms = await read_terms(internal, organization_id, asked.cycle_id)
    async with database.single_statements() as session:
        lonely = await roles_without_partner(session, organization_id, person_id, terms.direction, terms.policy)
    return EnrolmentForm(topics=terms.topics, languages=languages, answer=answer, roles_without_partner=lonely)


async def record_answer(
    database: Database,
    internal: Internal,
    organization_id: UUID,
    round_id: UUID,
    person_id: UUID,
    answer: EnrolmentAnswer,
) -> AnswerRecorded:
    """Stores the application of a person while the round is open. A later answer replaces an earlier one.

    Raises NotFound, RoundIsClosed (410), Forbidden for someone who is not asked, ApplicationInvalid (422).
    """
    async with database.single_statements() as session:
        asked = await enrolments.read_asked(session, organization_id, round_id, person_id)
    topics = await read_topics(internal, organization_id, asked.cycle_id)
    async with database.transaction() as session:
        if not asked.now:  # the round says why
            await asked_subjects(session, await lock_open_round(session, organization_id, round_id), person_id)
        return await _store_answer(session, organization_id, round_id, asked.cycle_id, person_id, answer, topics)


async def _store_answer(
    session: AsyncSession,
    organization_id: UUID,
    round_id: UUID,
    cycle_id: UUID,
    person_id: UUID,
    answer: EnrolmentAnswer,
    topics: Sequence[Topic],
) -> AnswerRecorded:
    """The round is locked last, because everybody who answers waits for it: from then on only two statements follow. If
    it was closed meanwhile, or the person is not asked any more, nothing of this is stored."""
    wishes = await people.find_by_email(session, organization_id, emails_of(answer))
    application = check_application(answer, topics, wishes, person_id)
    enrolment_id = await enrolments.save_enrolment(session, organization_id, cycle_id, person_id, application)
    if application.role is not None:
        submitted = EnrolmentSubmitted(enrolment_id=enrolment_id, cycle_id=cycle_id, person_id=person_id)
        await emit(session, organization_id, submitted)
    round_ = await lock_open_round(session, organization_id, round_id)
    await mark_all_answered(session, round_, person_id)
    return AnswerRecorded(round_id=round_id, closes_at=round_.closes_at)
