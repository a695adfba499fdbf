"""Failures that the one who typed the command can mend."""


class CannotRun(Exception):
    """Its text says what to do; it is shown in a line, without a traceback."""
