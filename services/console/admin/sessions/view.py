"""What the page about one's own sessions reads and shows. Pure."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.language.words import translatable

DONE = {
    "ended": translatable("The session has ended."),
    "others_ended": translatable("All other sessions have ended."),
}


class Session(Contract):
    id: UUID
    created_at: AwareDatetime
    last_used_at: AwareDatetime
    expires_at: AwareDatetime
    current: bool


class Sessions(Contract):
    items: tuple[Session, ...]

    @property
    def others(self) -> int:
        """How many there are besides the one that asks."""
        return sum(not one.current for one in self.items)
