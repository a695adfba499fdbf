"""The names of people, whom lists of the public API know by their ids."""

from collections.abc import Iterable
from uuid import UUID

from shared.contracts.base import Service
from shared.contracts.intake import NamedPeople
from shared.http.public import PublicApi

AT_ONCE = 200


async def read_names(api: PublicApi, people: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of these people, as far as they are in the directory."""
    wanted, names = sorted({one for one in people if one is not None}), dict[UUID, str]()
    for start in range(0, len(wanted), AT_ONCE):
        asked = {"person_id": [str(one) for one in wanted[start : start + AT_ONCE]]}
        found = await api.get(Service.INTAKE, "/people/names", NamedPeople, asked)
        names |= {one.id: one.name for one in found.items}
    return names
