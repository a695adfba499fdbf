"""How many examples a property is tried with: a few in `make test`, twenty times as many in `make long`."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

FACTOR = int(os.environ.get("UPWARD_TESTS_EXAMPLES", "1"))
"""`make long` sets the variable and runs every test that is marked as a property."""


def examples(count: int) -> Callable[[Any], Any]:
    """Marks a property of `given` inputs and tries it with so many, or with a multiple in `make long`."""

    def mark(test: Any) -> Any:
        return pytest.mark.property(settings(max_examples=count * FACTOR, deadline=None)(test))

    return mark


def moments(first: date, last: date) -> st.SearchStrategy[datetime]:
    """Moments in UTC between the beginnings of two days. Hypothesis takes these without a time zone."""
    return st.datetimes(datetime.combine(first, time()), datetime.combine(last, time()), timezones=st.just(UTC))
