"""Whoever stands in for a coordinator or a sponsor who is away gets their messages too, as long as that is so."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.notifications.activities import Activities
from shared.contracts.intake import Away
from shared.contracts.notifications import Audience, Template
from shared.database import Database
from tests.services.notifications.conftest import deliver, messages, prepare
from tests.services.notifications.world import Post, World

TODAY = datetime.now(UTC).date()
SINCE, LATER, LONG_AGO = TODAY - timedelta(days=2), TODAY + timedelta(days=9), TODAY - timedelta(days=9)


def leave(world: World, person_id: UUID, deputy_id: UUID, *, over: bool = False) -> None:
    away = Away(deputy_id=deputy_id, first_day=LONG_AGO if over else SINCE, last_day=SINCE if over else LATER)
    world.contacts[person_id] = world.contacts[person_id].model_copy(update={"away": away})


@pytest.mark.parametrize("audience", [Audience.COORDINATORS, Audience.SPONSOR])
async def test_the_deputy_gets_the_message_too_and_both_read_why(
    activities: Activities, world: World, post: Post, audience: Audience
) -> None:
    mara = world.add_person("mara@acme.example", name="Mara Weiss")
    ben = world.add_person("ben@acme.example", name="Ben Stone")
    other = world.add_person("other@acme.example")
    world.coordinators, world.sponsor = (mara, other), mara
    leave(world, mara, ben)
    about = world.announcement(Template.APPROVAL_NEEDED, audience)
    await prepare(activities, about)
    await deliver(activities, about)
    texts = post.texts()
    others = {"other"} if audience is Audience.COORDINATORS else set()
    assert set(texts) == {"mara", "ben"} | others
    assert "because you stand in for Mara Weiss." in texts["ben"]
    assert "As you are away, Ben Stone gets this message too." in texts["mara"]
    assert all("stand in" not in texts[name] and "away" not in texts[name] for name in others)


@pytest.mark.parametrize("why", ["over", "has left", "coordinates too"])
async def test_nobody_gets_a_message_twice_after_the_absence_or_after_they_left(
    activities: Activities, world: World, post: Post, why: str
) -> None:
    mara = world.add_person("mara@acme.example")
    ben = world.add_person("ben@acme.example", active=why != "has left")
    world.coordinators = (mara, ben) if why == "coordinates too" else (mara,)
    leave(world, mara, ben, over=why == "over")
    about = world.announcement(Template.APPROVAL_NEEDED, Audience.COORDINATORS)
    await prepare(activities, about)
    await deliver(activities, about)
    expected = ["ben@acme.example"] if why == "coordinates too" else []
    assert post.recipients() == [*expected, "mara@acme.example"]


async def test_a_deputy_whose_absence_ended_before_the_message_was_sent_does_not_get_it(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mara, ben = world.add_person("mara@acme.example"), world.add_person("ben@acme.example")
    world.coordinators = (mara,)
    leave(world, mara, ben)
    about = world.announcement(Template.CONCERN_RAISED, Audience.COORDINATORS)
    assert await prepare(activities, about) == 2
    world.contacts[mara] = world.contacts[mara].model_copy(update={"away": None})
    await deliver(activities, about)
    row = (await messages(database, world))[ben]
    assert (row.state, row.failure_code, post.recipients()) == ("dropped", "not_named", ["mara@acme.example"])


async def test_participants_have_no_deputies(activities: Activities, world: World, post: Post) -> None:
    mara, ben = world.add_person("mara@acme.example"), world.add_person("ben@acme.example")
    world.unmatched = [mara]
    leave(world, mara, ben)
    about = world.announcement(Template.UNMATCHED, Audience.UNMATCHED)
    await prepare(activities, about)
    await deliver(activities, about)
    assert post.recipients() == ["mara@acme.example"]
