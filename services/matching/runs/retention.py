"""What matching empties when it is history."""

from functools import partial

from services.matching.runs.store.retention import BATCH, empty_inputs
from shared.database import Database
from shared.retention import Ages, delete_all


async def purge(database: Database, ages: Ages) -> dict[str, int]:
    return {"match_inputs": await delete_all(database, partial(empty_inputs, age=ages.history), size=BATCH)}
