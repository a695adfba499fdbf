"""Reading the e-mails that arrived by SMTP."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
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
    """Reads one e-mail with the older parser of Python: the newer one understands every header by its grammar, which
    takes ten times as long, and a demo or a test reads hundreds."""
    message = message_from_bytes(path.read_bytes())
    parts = {part.get_content_type(): part for part in reversed(list(message.walk()))}
    link = re.search(r"https?://\S+/p/[\w-]+", _text(parts["text/plain"]) if "text/plain" in parts else "")
    return Letter(
        to=parseaddr(_header(message, "To"))[1],
        template=_header(message, "Upward-Template"),
        message_id=_header(message, "Message-ID"),
        scope=_header(message, "Upward-Scope"),
        link=link[0] if link else None,
        has_calendar="text/calendar" in parts,
    )


def _header(message: Message, name: str) -> str:
    """On one line, as a long one is folded."""
    return " ".join(str(message[name]).split())


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode(part.get_content_charset("utf-8"))
