"""The public HTTP edge of rules that are tried before a program has them.

Computing takes seconds for a large pool. The transaction in which the caller was identified ends before that.
"""

from fastapi import APIRouter

from services.matching.runs import trying
from services.matching.runs.rules.policy_effect import PolicyEffect, PolicyTrial
from shared.auth import Admin
from shared.http.dependencies import AppDatabase, InternalClient, Session
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/policies", tags=["matching"])


@router.post("/preview")
async def preview_policy(
    body: PolicyTrial, caller: Admin, session: Session, database: AppDatabase, internal: InternalClient
) -> PolicyEffect:
    """Says what these matching rules would do: to the people of the program's last match run, or else, if it has none,
    among the people of the directory. Only counts are told, and nothing is stored."""
    await session.commit()
    return await trying.try_policy(database, internal, caller.organization_id, body)
