"""Mails come from the organization: under its name, in its colour, and with its logo inside them."""

import pytest

from services.accounts.resources import BrandDefinition
from services.accounts.rules.colours import palette_of
from services.accounts.rules.pictures import logo_of
from services.notifications.activities import Activities
from shared.contracts.accounts import Brand, Logo
from shared.database import Database
from tests.services.notifications.conftest import deliver, prepare
from tests.services.notifications.world import Post, World, text_of
from tests.services.pictures import jpeg

LOGO = logo_of(jpeg(480, 120)).model_copy(update={"alt": 'Acme "& Söhne"'})
NAME = BrandDefinition(sender_name="Acme Förderung").sender_name
SHOWN = Logo.model_validate(LOGO.model_dump(exclude={"content"}))


async def send_with(brand: Brand, activities: Activities, database: Database, world: World) -> None:
    world.brand = brand
    world.ask("ana@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    await deliver(activities, announcement)


async def test_a_mail_has_the_name_the_colour_and_the_logo_of_its_organization(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.logo = LOGO
    brand = Brand(sender_name=NAME, palette=palette_of("#7a2048", None), logo=SHOWN)
    await send_with(brand, activities, database, world)
    [mail] = post.received
    [sender] = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Acme Förderung", "programs@upward.example")
    parts = {part.get_content_type(): part for part in mail.walk()}
    html = parts["text/html"].get_content()
    assert "background:#7a2048;color:#ffffff" in html
    picture = parts["image/jpeg"]
    name = picture["Content-ID"].strip("<>")
    assert f'<img src="cid:{name}" alt="Acme &#34;&amp; Söhne&#34;" width="192" height="48"' in html
    assert name.endswith("@upward.example")
    assert (picture.get_content(), picture.get_content_disposition()) == (LOGO.content, "inline")
    related = parts["multipart/related"]
    assert [part.get_content_type() for part in related.iter_parts()] == ["text/html", "image/jpeg"]
    assert mail.get_content_type() == "multipart/alternative"
    assert "http" not in html.replace("https://up.example/p/", "")


@pytest.mark.parametrize("brand", [Brand(), Brand(logo=SHOWN)])
async def test_without_a_brand_or_with_a_logo_that_is_gone_a_mail_goes_in_our_look(
    brand: Brand, activities: Activities, database: Database, world: World, post: Post
) -> None:
    await send_with(brand, activities, database, world)
    [mail] = post.received
    assert str(mail["From"]) == "Upward <programs@upward.example>"
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    html = text_of(mail, "html")
    assert "background:#1b655f" in html
    assert "<img" not in html
