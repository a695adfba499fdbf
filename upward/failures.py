"""Failures that the person who typed the command can correct, and how they are told."""

import contextlib
import gc
import sys
from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import OperationalError

from shared.errors import DomainError


class CannotRun(Exception):
    """The command cannot run. The text says what to do, and is printed in one line without a traceback."""


@contextlib.contextmanager
def clear_failures(*expected: type[Exception]) -> Iterator[None]:
    """What every command runs in, once it has imported what it needs.

    The collection of garbage, which `upward/__main__.py` has put off, begins here, without the objects of modules.
    Failures that the user can correct, and those of `expected`, are printed without a traceback, and end with exit
    code 1.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    try:
        yield
        return
    except (CannotRun, DomainError, SettingsError) as failure:
        message = str(failure)
    except ValidationError as failure:
        from shared.http.problems import field_errors

        message = "; ".join(f"{found['field']}: {found['detail']}" for found in field_errors(failure))
    except OperationalError as failure:
        if getattr(failure.orig, "sqlstate", None):
            raise  # the server answered, so the address is right
        message = "The database cannot be reached, or refuses the sign-in: look at UPWARD_DATABASE_URL."
    except expected as failure:
        message = str(failure)
    print(message, file=sys.stderr)
    raise SystemExit(1)
