"""`make release VERSION=0.2.0`: writes the version where it stands, closes the changelog's open section, and builds the
wheel in `dist/`. Nothing is fetched, committed or published."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
"""Semantic Versioning, without the parts that only unfinished versions have."""
OPEN_SECTION = "## [Unreleased]"
PLACES = (
    ("pyproject.toml", r'(?m)^version = "[^"]+"$'),
    ("deploy/helm/upward/Chart.yaml", r"(?m)^version: \S+$"),
    ("deploy/helm/upward/Chart.yaml", r'(?m)^appVersion: "[^"]+"$'),
)


class CannotRelease(Exception):
    """The text says what to do."""


class Release(NamedTuple):
    version: str
    day: date


def current_version(root: Path = ROOT) -> str:
    found = re.search(r'(?m)^version = "([^"]+)"$', (root / "pyproject.toml").read_text())
    assert found is not None
    return found[1]


def write_release(release: Release, root: Path = ROOT) -> list[Path]:
    """Writes the version and the changelog, and returns the files that changed. Raises CannotRelease before anything is
    written."""
    if not VERSION.fullmatch(release.version):
        raise CannotRelease("Name a version such as 0.2.0.")
    if _numbers(release.version) <= _numbers(current_version(root)):
        raise CannotRelease(f"Name a version that is newer than {current_version(root)}.")
    changed = {root / "CHANGELOG.md": _closed((root / "CHANGELOG.md").read_text(), release)}
    for name, pattern in PLACES:
        path = root / name
        text = changed.get(path) or path.read_text()
        changed[path], count = re.subn(pattern, lambda found: _with(found[0], release.version), text)
        if count != 1:
            raise CannotRelease(f"The version stands {count} times in {name}.")
    for path, text in changed.items():
        path.write_text(text)
    return sorted(changed)


def build_wheel(root: Path = ROOT) -> Path:
    """Builds the wheel of what is in the folder, and returns it. Raises CannotRelease."""
    dist = root / "dist"
    before = set(dist.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    built = subprocess.run([*command, "--wheel-dir", str(dist), str(root)], capture_output=True, text=True)  # noqa: S603
    if built.returncode:
        raise CannotRelease(f"The wheel was not built:\n{built.stderr[-2000:]}")
    made = set(dist.glob("*.whl")) - before or set(dist.glob(f"upward-{current_version(root)}-*.whl"))
    return made.pop()


def _closed(changelog: str, release: Release) -> str:
    """The changelog whose open section became that of the release."""
    begin = changelog.find(OPEN_SECTION)
    if begin < 0:
        raise CannotRelease(f"The changelog has no section {OPEN_SECTION}.")
    end = changelog.find("\n## ", begin + 1)
    if not changelog[begin + len(OPEN_SECTION) : end if end > 0 else None].strip():
        raise CannotRelease("The changelog tells of nothing new.")
    title = f"{OPEN_SECTION}\n\n## [{release.version}] - {release.day.isoformat()}"
    return changelog[:begin] + title + changelog[begin + len(OPEN_SECTION) :]


def _with(line: str, version: str) -> str:
    return re.sub(r"\d+\.\d+\.\d+", version, line)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def main() -> None:
    try:
        for path in write_release(Release(sys.argv[1] if len(sys.argv) > 1 else "", datetime.now(UTC).date())):
            print(f"changed: {path.relative_to(ROOT)}")
        wheel = build_wheel()
    except CannotRelease as failure:
        raise SystemExit(str(failure)) from None
    print(f"built: {wheel.relative_to(ROOT)}")
    version = current_version()
    print(f"Then: git commit --all --message 'Version {version}' && git tag --annotate v{version} --message v{version}")


if __name__ == "__main__":
    main()
