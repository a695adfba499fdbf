"""The headers of e-mails. The standard library reads each value by its grammar and makes a class for each header, which
took more time than all else that a message needs. Here a header that many messages share is made once."""

from email.headerregistry import BaseHeader, HeaderRegistry
from email.policy import SMTP
from functools import lru_cache
from typing import Any

OF_ONE_MESSAGE = frozenset({"message-id", "to", "date"})
REMEMBERED = 256
"""So many headers are kept. An announcement has about fifteen for all of its messages, in each language."""


class Headers(HeaderRegistry):
    """Makes the same headers as the standard library's registry. They do not change once they are made."""

    def __init__(self) -> None:
        super().__init__()
        self._class_of = lru_cache(maxsize=REMEMBERED)(super().__getitem__)
        self._remembered = lru_cache(maxsize=REMEMBERED)(super().__call__)

    def __getitem__(self, name: str) -> type[BaseHeader]:
        return self._class_of(name)

    def __call__(self, name: str, value: Any) -> BaseHeader:
        if name.lower() in OF_ONE_MESSAGE or type(value) is not str:
            return super().__call__(name, value)
        return self._remembered(name, value)


POLICY = SMTP.clone(header_factory=Headers())
"""RFC 5322 with the line ends of SMTP."""
