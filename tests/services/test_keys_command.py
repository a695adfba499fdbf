"""`upward keys` on the configured database: a key that was made is accepted, and refused once it is revoked."""

import pytest

from shared.auth import Role, authenticate, key_id_of
from shared.config import Settings
from shared.database import Database
from shared.errors import NotFound, Unauthorized
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
