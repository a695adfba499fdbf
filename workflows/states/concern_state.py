"""What the workflows of concerns are started with."""

from uuid import UUID

from shared.contracts.programs import CycleRef, LadderPlan


class Concern(CycleRef):
    """A concern of a cycle, and when it is escalated."""

    concern_id: UUID
    ladder: LadderPlan | None = None
    """None if the workflow reads it by itself. Otherwise a cycle is its parent, as it was before."""


class Digest(CycleRef):
    """The concerns about missed check-ins that one round raised."""

    round_id: UUID
