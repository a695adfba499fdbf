"""`upward doctor`: examines a configuration before anything starts with it, and says what to change."""

import asyncio

from shared.config import Settings
from upward.doctor.database import examine_database
from upward.doctor.findings import Finding
from upward.doctor.mail import examine_mail
from upward.doctor.settings import examine_settings
from upward.doctor.temporal import examine_temporal


async def examine(settings: Settings, *, before_migrating: bool = False) -> list[Finding]:
    """Everything that was found. The servers are asked side by side, and nothing is changed in any of them."""
    database, temporal, mail = await asyncio.gather(
        examine_database(settings.database_url, before_migrating=before_migrating),
        examine_temporal(deployment=settings.deployment),
        examine_mail(settings),
    )
    return [*examine_settings(settings), *database, *temporal, *mail]
