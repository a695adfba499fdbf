"""Whether a channel refuses everybody just now, so that its refusals say nothing about single messages."""

from datetime import UTC, datetime

MOST_IN_A_ROW = 50
"""After so many equal refusals, with no message taken between them, it is the channel and not the addresses."""


class Refusals:
    """How often a channel has given the same refusal in a row, to whomever, by what this process has sent."""

    def __init__(self) -> None:
        self._code, self._in_a_row = "", 0
        self._taken_at: datetime | None = None

    def refused(self, code: str, held_until: datetime | None = None) -> bool:
        """Counts a refusal. Whether the channel refuses everybody.

        `held_until` is until when the announcement has waited because of the same refusal. Then it is so still, unless
        a message was taken since: another process has counted, or this one before it was started again."""
        self._in_a_row = self._in_a_row + 1 if code == self._code else 1
        self._code = code
        if held_until is not None and (self._taken_at is None or self._taken_at < held_until):
            self._in_a_row = max(self._in_a_row, MOST_IN_A_ROW)
        return self._in_a_row >= MOST_IN_A_ROW

    def taken(self) -> None:
        """A message was taken."""
        self._code, self._in_a_row = "", 0
        self._taken_at = datetime.now(UTC)
