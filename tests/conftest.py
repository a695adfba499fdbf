"""Fixtures that several folders of tests need. Each folder's own conftest says what that folder needs."""

import os

os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")  # the Postgres package warns where the variable is missing
