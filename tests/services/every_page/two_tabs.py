"""Two people at work at once: what another admin does while a page is open, and what its form keeps of it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
from sqlalchemy import inspect

from services.feedback.models import Concern
from services.intake.models import Person
from services.matching.models import MatchRun
from shared.auth import Role
from shared.contracts.matching import MatchRunState
from shared.contracts.rounds import RoundKind, RoundState
from shared.rounds.models import Round
from tests.services.every_page.console import Console
from tests.services.every_page.documents import Form, Page, Pairs
from tests.services.pictures import png
from tests.services.wrong_input.public_routes import ROWS, Row

MARKS = {"etag", "mark", "shown"}
"""Fields that say what the page has shown, which is something else when it is shown again."""
STANDS = {"seen", "run_id", "fingerprint"}
"""Fields that say how something stood which is changed by a step and not by its ETag."""


async def change(console: Console, row: Row) -> str:
    """Changes what this route edits, as another admin does, and answers its new ETag."""
    address, headers = row.address(console.ids), console.as_(Role.OWNER) | {"if-match": "*"}
    if row.path.endswith("/logo"):
        answer = await console.http.put(address, content=png(20, 20), headers=headers | {"content-type": "image/png"})
    else:
        put = next(one for one in ROWS if (one.method, one.path) == ("PUT", row.path))
        document = put.document(console.ids) or {}
        words = {name: "Theirs" for name in ("description", "job_title", "subject", "name") if name in document}
        answer = await console.http.put(address, json=document | words, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.headers["etag"]


async def etag_now(console: Console, row: Row) -> str:
    address = row.address(console.ids).removesuffix("/logo")
    return str((await console.http.get(address, headers=console.as_(Role.OWNER))).headers["etag"])


async def move_on(console: Console) -> None:
    """A round opens, the run is steered, somebody takes over the concern, and somebody of the file moves."""
    now, ids = datetime.now(UTC), console.ids
    async with console.db.transaction() as session:
        run = await session.get_one(MatchRun, ids["match_run_id"])
        await session.refresh(run, ["inputs"])
        columns = {one.key for one in inspect(MatchRun).column_attrs} - {"id", "revision"}
        copied = {name: getattr(run, name) for name in columns}
        run.state = MatchRunState.SUPERSEDED
        await session.flush()
        session.add(MatchRun(**copied, id=uuid4(), revision=run.revision + 1))
        of_cycle = {"organization_id": run.organization_id, "cycle_id": ids["cycle_id"]}
        session.add(
            Round(
                **of_cycle, id=uuid4(), kind=RoundKind.CHECK_IN, number=1, state=RoundState.OPEN, opened_at=now,
                closes_at=now + timedelta(days=5),
            )
        )  # fmt: skip
        (await session.get_one(Concern, ids["concern_id"])).assignee_id = ids["mentee_id"]
        (await session.get_one(Person, ids["mentor_id"])).department = "Elsewhere"


def lost(action: Row, form: Form, typed: Pairs, answer: httpx.Response) -> list[str]:
    """What was typed into a form and is not in it when it is shown again."""
    shown = [one for one in Page(answer.text, form.address).forms if one.address == form.address]
    if not shown:
        return [f"{action}: the form is not shown again"]
    wanted = {pair for pair in typed if pair[0] not in MARKS}
    best = min((wanted - set(one.sent) for one in shown), key=len)
    return [f"{action}: lost {sorted(best)}"] if best else []
