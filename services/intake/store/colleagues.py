"""SQL of the search by which a participant finds people whom they know.

It lists nobody: it knows an address only as a whole, and a name only by three of its letters and in the reader's own
department. It answers with few people, and a link may ask it a few times an hour.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Link, Person
from services.intake.rules.links import LinkUnknown, hash_token
from services.intake.store.links import resolve_link
from shared.contracts.intake import Colleague, Colleagues, FindColleagues, LinkGrant
from shared.contracts.rounds import RoundKind
from shared.errors import Conflict, Invalid

FEWEST_LETTERS = 3
MOST_PEOPLE = 5
MOST_SEARCHES = 10
WITHIN = timedelta(hours=1)


class TooManySearches(Conflict):
    code = "too_many_searches"


async def find_colleagues(session: AsyncSession, request: FindColleagues) -> Colleagues:
    """Active people of the organization whom the text names, without the reader.

    Raises what `resolve_link` raises, LinkUnknown for the link to another kind of round, Invalid for fewer letters, and
    TooManySearches."""
    grant = await resolve_link(session, request.token)
    if grant.kind is not RoundKind.ENROLMENT:
        raise LinkUnknown("This link is not one to an enrolment.")
    text = " ".join(request.text.split()).lower()
    if len(text) < FEWEST_LETTERS:
        raise Invalid(f"Write at least {FEWEST_LETTERS} letters.", code="too_few_letters")
    await _count_search(session, request.token)
    fits = Person.email == text if "@" in text else await _named(session, grant, text)
    found = await session.scalars(
        select(Person)
        .where(Person.organization_id == grant.organization_id, Person.active, Person.id != grant.person_id, fits)
        .order_by(func.lower(Person.name), Person.id)
        .limit(MOST_PEOPLE + 1)
    )
    people = [
        Colleague(name=one.name, job_title=one.job_title, department=one.department, email=one.email) for one in found
    ]
    return Colleagues(people=tuple(people[:MOST_PEOPLE]), more=len(people) > MOST_PEOPLE)


async def _named(session: AsyncSession, grant: LinkGrant, text: str) -> ColumnElement[bool]:
    """In the reader's department, and a word of the name begins so."""
    department = await session.scalar(
        select(Person.department).where(Person.organization_id == grant.organization_id, Person.id == grant.person_id)
    )
    name = func.lower(Person.name)
    begins = or_(name.startswith(text, autoescape=True), name.contains(f" {text}", autoescape=True))
    return begins & (func.lower(Person.department) == (department or "").lower()) & (Person.department != "")


async def _count_search(session: AsyncSession, token: str) -> None:
    """Counts this search for its link. Raises TooManySearches if there were as many within the last hour."""
    mine = select(Link).where(Link.token_hash == hash_token(token))
    # Of two searches at once, the second counts the first, also if this session has read the link before.
    link = await session.scalar(mine.with_for_update().execution_options(populate_existing=True))
    now = await session.scalar(select(func.clock_timestamp()))
    assert link is not None
    assert now is not None
    lately = [at for at in link.searched_at if at > now - WITHIN]
    if len(lately) >= MOST_SEARCHES:
        raise TooManySearches("There were ten searches within an hour. Try again later, or write the address.")
    link.searched_at = [*lately, now]
