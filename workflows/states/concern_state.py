"""What the workflows of concerns are started with."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import Contract
from shared.contracts.notifications import Announcement
from shared.contracts.programs import CycleRef, LadderPlan


class RebuiltMatter(Contract):
    """What is known of a concern or digest whose workflow was lost."""

    since: AwareDatetime
    """When it was raised."""
    unfinished: tuple[Announcement, ...] = ()
    """What was announced about it, and of which messages wait."""


Rebuilt = Annotated[RebuiltMatter | None, Field(exclude_if=lambda rebuilt: rebuilt is None)]


class Concern(CycleRef):
    """A concern of a cycle, and when it is escalated."""

    concern_id: UUID
    ladder: LadderPlan | None = None
    """None if the workflow reads it by itself. Otherwise a cycle is its parent, as it was before."""
    rebuilt: Rebuilt = None


class Digest(CycleRef):
    """The concerns about missed check-ins that one round raised."""

    round_id: UUID
    rebuilt: Rebuilt = None
