"""A release has one version everywhere, and its changelog tells what is new."""

import re
import subprocess
import sys
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest

from upward.release.making import CannotRelease, Release, build_wheel, current_version, write_release

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Something.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n"
DAY = date(2027, 3, 5)
PACKAGES = ("shared", "services", "workflows", "upward", "migrations")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "deploy/helm/upward").mkdir(parents=True)
    for name in ("pyproject.toml", "deploy/helm/upward/Chart.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_a_release_writes_its_version_and_closes_the_open_section(tree: Path) -> None:
    changed = write_release(Release("7.0.1", DAY), tree)
    assert [path.name for path in changed] == ["CHANGELOG.md", "Chart.yaml", "pyproject.toml"]
    assert current_version(tree) == "7.0.1"
    chart = (tree / "deploy/helm/upward/Chart.yaml").read_text()
    assert re.findall(r"7\.0\.1", chart) == ["7.0.1", "7.0.1"]
    assert "apiVersion: v2\n" in chart
    changelog = (tree / "CHANGELOG.md").read_text()
    assert "## [Unreleased]\n\n## [7.0.1] - 2027-03-05\n\n### Added\n\n- Something.\n\n## [0.1.0]" in changelog
    with pytest.raises(CannotRelease, match="nothing new"):
        write_release(Release("7.0.2", DAY), tree)


@pytest.mark.parametrize("version", ["", "1.0", "v1.0.0", "0.0.1", current_version()])
def test_what_is_no_newer_version_changes_nothing(tree: Path, version: str) -> None:
    with pytest.raises(CannotRelease):
        write_release(Release(version, DAY), tree)
    assert (tree / "CHANGELOG.md").read_text() == CHANGELOG


def names(requirements: str) -> list[str]:
    lines = (ROOT / "requirements" / requirements).read_text().splitlines()
    return [line for line in lines if line and line[0] not in "#-"]


def test_the_package_needs_what_the_image_and_its_extras_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == names("runtime.in")
    assert project["optional-dependencies"] == {extra: names(f"{extra}.in") for extra in ("embedded", "telemetry")}


def test_every_kind_of_file_that_the_program_reads_is_packed() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    read = {path.suffix for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()}
    assert {f"*{suffix}" for suffix in read - {".py", ".pyc", ".mako", ".typed", ""}} == set(packed)


@pytest.mark.long
def test_the_wheel_holds_the_whole_program_and_its_command_runs_elsewhere(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    wanted = [name for name in listed if name.split("/")[0] in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE")]
    for name in wanted:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    with zipfile.ZipFile(build_wheel(tree)) as wheel:
        packed = set(wheel.namelist())
        wheel.extractall(tmp_path / "site")
    program = {name for name in wanted if name.split("/")[0] in PACKAGES and not name.endswith(".mako")}
    assert program <= packed
    assert not [name for name in packed if name.startswith(("tests/", "bench/"))]
    ran = subprocess.run(
        [sys.executable, "-c", "from upward.__main__ import main; main()", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, "Reverse-mentoring" in ran.stdout) == (0, True), ran.stderr
