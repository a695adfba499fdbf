"""Makes sure that a Chromium is there for the browser tests; `make test` runs this first.

    python tests/browser.py

Finds `$UPWARD_CHROMIUM` or `chromium` on the path. Where there is none and apt-get may be used (Debian or Ubuntu, as
root), Debian's package is installed; elsewhere this says what to install and exits with 1. Playwright's own download of
a browser is not used: it only drives the one that is found.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
ADVICE = """The browser tests need Chromium and none was found. Install it and run this again:
  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install --no-install-recommends chromium
  Fedora:          sudo dnf install chromium
  macOS:           brew install --cask chromium
or name one:       export UPWARD_CHROMIUM=/path/to/chromium"""


def find_browser() -> str | None:
    """The path of the browser that the tests drive, None when there is none."""
    named = os.environ.get("UPWARD_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((found for found in map(shutil.which, NAMES) if found), None)


def install_browser() -> bool:
    """Installs Debian's package where that is possible; says whether it worked."""
    if os.environ.get("UPWARD_CHROMIUM") or shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "--quiet"],
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"],
    ):
        print("+", " ".join(command), flush=True)
        if subprocess.run(command, env=environment, check=False).returncode != 0:
            return False
    return True


def main() -> int:
    if find_browser() is None:
        install_browser()
    found = find_browser()
    if found is None:
        print(ADVICE, file=sys.stderr)
        return 1
    print(f"browser: {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
