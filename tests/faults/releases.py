"""The release that runs in production before this one: which one it is, and its sources."""

import subprocess
import tomllib
from pathlib import Path

from tests.e2e.processes import ROOT

NAMED = ("tool", "upward", "previous-release")


def previous_release() -> str:
    """The newest tag of a version before this commit. As long as there is none, what pyproject.toml names."""
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    if tag.returncode == 0:
        return tag.stdout.decode().strip()
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for name in NAMED:
        found = found[name]
    return str(found)


def migrations_of(release: str) -> list[str]:
    """The files of its migrations, in their order. Raises LookupError if the history lacks the release, as that of a
    shallow clone does."""
    listed = _git("ls-tree", "--name-only", f"{release}:migrations/versions")
    if listed.returncode:
        raise LookupError(f"The history has no {release}: {listed.stderr.decode().strip()}")
    return sorted(name for name in listed.stdout.decode().split() if name[0].isdigit())


def unpack(release: str, folder: Path) -> None:
    """Writes the sources of a release into the folder. Raises LookupError if the history lacks it."""
    archive = _git("archive", "--format=tar", release)
    if archive.returncode:
        raise LookupError(f"The history has no {release}: {archive.stderr.decode().strip()}")
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive.stdout, check=True)


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
