"""The activities of intake, which open, extend and close the enrolment round."""

from temporalio import activity

from services.intake.store.people import everybody_asked, is_active
from shared.contracts.intake import IntakeActivities, Leaver, LeaverExcused
from shared.contracts.rounds import CloseRound, ExtendRound, OpenRound, RoundClosed, RoundExtended, RoundOpened
from shared.database import Database
from shared.rounds import store as rounds


class Intake(IntakeActivities):
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def open_round(self, request: OpenRound) -> RoundOpened:
        """Asks every active person of the directory who is not on leave about the cycle itself."""
        everybody = everybody_asked(request.organization_id, request.cycle_id)
        async with self._database.transaction() as session:
            return await rounds.open_round(session, request, everybody)

    @activity.defn
    async def extend_round(self, request: ExtendRound) -> RoundExtended:
        async with self._database.transaction() as session:
            return await rounds.extend_round(session, request)

    @activity.defn
    async def close_round(self, request: CloseRound) -> RoundClosed:
        async with self._database.transaction() as session:
            closed, _ = await rounds.close_round(session, request)
            return closed

    @activity.defn
    async def excuse_leaver(self, request: Leaver) -> LeaverExcused:
        async with self._database.transaction() as session:
            if await is_active(session, request.organization_id, request.person_id):
                return LeaverExcused(gone=False)
            await rounds.excuse_person(session, request.organization_id, request.person_id)
            return LeaverExcused(gone=True)
