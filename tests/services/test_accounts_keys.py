"""Organizations and access keys: a key that was made is accepted, and refused once it is revoked."""

from uuid import uuid4

import pytest

from services.accounts.store import keys
from shared.auth import Role, authenticate
from shared.config import Settings
from shared.database import Database
from shared.errors import DomainError, NotFound, Unauthorized
from shared.keys import key_id_of
from upward.running import create_access_key, revoke_access_key


async def test_a_revoked_key_is_refused(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPWARD_DATABASE_URL", settings.database_url)
    key = await create_access_key("Keys of the test", Role.VIEWER, "test", None)
    async with database.transaction() as session:
        assert (await authenticate(session, key)).role is Role.VIEWER
    key_id = key_id_of(key)
    assert key_id is not None
    await revoke_access_key("Keys of the test", key_id, None)
    async with database.transaction() as session:
        with pytest.raises(Unauthorized):
            await authenticate(session, key)


@pytest.mark.parametrize(("organization", "key_id"), [("Nobody's", "x"), ("Keys of the test 2", "nonsense")])
async def test_revoking_what_is_not_there_says_so(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, organization: str, key_id: str
) -> None:
    monkeypatch.setenv("UPWARD_DATABASE_URL", settings.database_url)
    await create_access_key("Keys of the test 2", Role.VIEWER, "test", None)
    with pytest.raises(NotFound):
        await revoke_access_key(organization, key_id, None)


async def test_an_access_key_works_until_it_is_revoked(db: Database) -> None:
    async with db.transaction() as session:
        organization_id = await keys.find_or_create_organization(session, " Acme ")
        assert await keys.find_organization(session, "Acme") == organization_id
        with pytest.raises(keys.OrganizationNotFound):
            await keys.find_organization(session, "acme ltd")
        assert await keys.find_or_create_organization(session, "Acme") == organization_id
        assert await keys.find_or_create_organization(session, "Other") != organization_id
        key = await keys.create_access_key(session, organization_id, Role.COORDINATOR, "laptop")
        caller = await authenticate(session, key)
        assert (caller.organization_id, caller.role) == (organization_id, Role.COORDINATOR)
        await keys.revoke_access_key(session, organization_id, caller.key_id)
        await keys.revoke_access_key(session, organization_id, caller.key_id)
        with pytest.raises(Unauthorized):
            await authenticate(session, key)


async def test_organizations_and_keys_refuse_wrong_input(db: Database) -> None:
    async with db.transaction() as session:
        organization_id = await keys.find_or_create_organization(session, "Acme")
        for work, code in (
            (keys.find_or_create_organization(session, " "), "invalid_name"),
            (keys.find_or_create_organization(session, "a\x00"), "invalid_name"),
            (keys.create_access_key(session, uuid4(), Role.ADMIN, "x"), "organization_not_found"),
            (keys.create_access_key(session, organization_id, Role.ADMIN, ""), "invalid_label"),
        ):
            with pytest.raises(DomainError) as caught:
                await work
            assert caught.value.code == code
        with pytest.raises(keys.KeyNotFound):
            await keys.revoke_access_key(session, uuid4(), "0" * 12)
