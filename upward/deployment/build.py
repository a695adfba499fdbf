"""The version of the worker of the workflows.

By default its build id is made from the code of the workflows: a release that changes none of it is the same version,
and nothing has to move to it.
"""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from temporalio.common import WorkerDeploymentVersion

from shared.config import Settings

CODE = ("workflows", "shared.contracts", "shared.temporal", "shared.tracing")
"""The packages and modules by which a replay goes. The last two stand around each workflow."""
LIBRARIES = ("temporalio", "pydantic")
LENGTH = 12


def version_of(settings: Settings) -> WorkerDeploymentVersion | None:
    """The version of a worker with these settings; None if workers have no versions."""
    if not settings.deployment:
        return None
    return WorkerDeploymentVersion(settings.deployment, settings.build_id or build_id_of_code())


@lru_cache
def build_id_of_code() -> str:
    """Twelve hexadecimal digits of a SHA-256 of the source of `CODE` and of the versions of `LIBRARIES`."""
    from importlib.metadata import version  # only a worker with a version needs it

    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for name in CODE:
        for path, text in _sources(name):
            digest.update(f"{name} {path} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:LENGTH]


def _sources(name: str) -> list[tuple[str, bytes]]:
    """The files of a package, by their paths in it, or of a module. It is not imported."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return [("", origin.read_bytes())]
    folder = origin.parent
    paths = sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix())
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]
