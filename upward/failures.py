"""Failures that the person who typed the command can correct."""


class CannotRun(Exception):
    """The command cannot run. The text says what to do, and is printed in one line without a traceback."""
