"""`python -m upward`."""

from upward.cli import app

app()
