"""Fixtures that several folders of tests need. Each folder's own conftest says what that folder needs."""

import atexit
import os
import shutil
import tempfile

# The Postgres package keeps its sockets here and warns unless the folder is private.
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="upward-run-")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)
