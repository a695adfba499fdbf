"""SQL of the links that participants get."""

from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Uuid, any_, bindparam, case, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Link, Person
from services.intake.rules.links import LIFETIME, LinkExpired, LinkUnknown, hash_token, new_token
from shared.contracts.intake import LinkGrant, LinkOrigin, MintedLink, MintedLinks, MintLinks
from shared.contracts.rounds import RoundKind, RoundState
from shared.rounds.models import Round
from shared.rounds.store import RoundIsClosed

RESOLVED = (
    select(
        Person.given_name,
        Person.time_zone,
        case((Person.language_known, Person.language), else_="").label("language"),
        Person.active,
        Round.state,
        Round.closes_at,
        (Link.expires_at <= func.now()).label("over"),
        Link.organization_id,
        Link.cycle_id,
        Link.round_id,
        Link.kind,
        Link.person_id,
    )
    .select_from(Link)
    .join(Person, (Person.id == Link.person_id) & (Person.organization_id == Link.organization_id))
    .outerjoin(Round, (Round.id == Link.round_id) & (Round.organization_id == Link.organization_id))
    .where(Link.token_hash == bindparam("token_hash"))
)
"""Made once, as each page of a participant needs it (decision 0015)."""


async def mint_links(session: AsyncSession, organization_id: UUID, request: MintLinks) -> MintedLinks:
    """Creates one new link for each of the people who are in the directory."""
    people = (
        await session.scalars(
            select(Person.id)
            .where(
                Person.organization_id == organization_id,
                Person.id == any_(literal(list(request.person_ids), ARRAY(Uuid()))),
            )
            .order_by(Person.id)
        )
    ).all()
    links = tuple(MintedLink(person_id=person_id, token=new_token()) for person_id in people)
    now = await session.scalar(select(func.now()))
    assert now is not None
    rows = [
        {
            "id": uuid4(),
            "organization_id": organization_id,
            "token_hash": hash_token(link.token),
            "round_id": request.round_id,
            "cycle_id": request.cycle_id,
            "kind": request.kind,
            "person_id": link.person_id,
            "minted_at": now,
            "expires_at": now + LIFETIME,
        }
        for link in links
    ]
    if rows:
        await session.execute(insert(Link), rows)
    return MintedLinks(links=links)


async def read_origin(session: AsyncSession, token: str) -> LinkOrigin:
    """Where the link comes from, also if its round is over. Raises LinkUnknown, also for a link whose time is over and
    for that of somebody who has left: nobody can tell the two apart."""
    row = (
        await session.execute(
            select(Link, case((Person.language_known, Person.language), else_="").label("language"))
            .join(Person, (Person.id == Link.person_id) & (Person.organization_id == Link.organization_id))
            .where(Link.token_hash == hash_token(token), Link.expires_at > func.now(), Person.active)
        )
    ).one_or_none()
    if row is None:
        raise LinkUnknown("This link is not known; open the one in your most recent message.")
    link, language = row
    return LinkOrigin(organization_id=link.organization_id, cycle_id=link.cycle_id, language=language)


async def resolve_link(session: AsyncSession, token: str) -> LinkGrant:
    """What the link allows now. Only this query and that of the origin do not know the organization: the link names it.

    Raises LinkUnknown (404), LinkExpired (410) and RoundIsClosed (410). The link of somebody who has left has expired:
    it allows nothing, and it does not say why.
    """
    row = (await session.execute(RESOLVED, {"token_hash": hash_token(token)})).one_or_none()
    if row is None:
        raise LinkUnknown("This link is not known; open the one in your most recent message.")
    given_name, time_zone, language, active, state, closes_at, over, *link = row
    if over or not active:
        raise LinkExpired("This link has expired.")
    if state != RoundState.OPEN:
        raise RoundIsClosed("This round is closed; answers are no longer taken.")
    organization_id, cycle_id, round_id, kind, person_id = link
    return LinkGrant(
        organization_id=organization_id,
        cycle_id=cycle_id,
        round_id=round_id,
        kind=RoundKind(kind),
        person_id=person_id,
        given_name=given_name,
        closes_at=closes_at,
        time_zone=time_zone,
        language=language,
    )
