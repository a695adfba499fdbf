"""Whether a channel refuses everybody just now, so that its refusals say nothing about single messages."""

MOST_IN_A_ROW = 50
"""After so many equal refusals, with no message taken between them, it is the channel and not the addresses."""


class Refusals:
    """How often a channel has given the same refusal in a row, to whomever, by what this process has sent."""

    def __init__(self) -> None:
        self._code, self._in_a_row = "", 0

    def refused(self, code: str) -> bool:
        """Counts a refusal. Whether the channel refuses everybody."""
        self._in_a_row = self._in_a_row + 1 if code == self._code else 1
        self._code = code
        return self._in_a_row >= MOST_IN_A_ROW

    def taken(self) -> None:
        """A message was taken."""
        self._code, self._in_a_row = "", 0
