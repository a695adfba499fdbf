"""The release from which production upgrades to this one (tests/faults/test_upgrade.py)."""

import os

import pytest

from tests.architecture.sources import ROOT
from tests.faults.releases import migrations_of, previous_release


def test_the_migrations_of_the_previous_release_are_the_first_of_ours() -> None:
    """Whoever has run them runs the others behind them."""
    try:
        before = migrations_of(previous_release())
    except (LookupError, OSError) as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"without the history of Git: {missing}")
    ours = sorted(path.name for path in (ROOT / "migrations/versions").glob("[0-9]*.py"))
    assert before == ours[: len(before)]
