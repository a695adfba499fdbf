"""Reading the e-mails that arrived by SMTP."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path


@dataclass(frozen=True)
class Letter:
    """One e-mail, as its recipient sees it."""

    to: str
    template: str
    message_id: str
    scope: str
    link: str | None
    """The personal link of the recipient, if the e-mail asks for an answer."""
    has_calendar: bool


class Mailbox:
    """The folder of the mail catcher. Each e-mail is read once, in the order of arrival."""

    def __init__(self, folder: Path, *, skip_old: bool = True) -> None:
        """E-mails that had arrived before are not read, unless `skip_old` is false."""
        self._folder = folder
        self._seen = {path.name for path in folder.glob("*.eml")} if skip_old else set()
        self.letters: list[Letter] = []

    def new_letters(self) -> list[Letter]:
        found = []
        for path in sorted(self._folder.glob("*.eml")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                found.append(read_letter(path))
        self.letters += found
        return found


def read_letter(path: Path) -> Letter:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(preferencelist=("plain",))
    link = re.search(r"https?://\S+/p/[\w-]+", body.get_content() if body is not None else "")
    return Letter(
        to=parseaddr(str(message["To"]))[1],
        template=str(message["Upward-Template"]),
        message_id=str(message["Message-ID"]),
        scope=str(message["Upward-Scope"]),
        link=link[0] if link else None,
        has_calendar=any(part.get_content_type() == "text/calendar" for part in message.walk()),
    )
