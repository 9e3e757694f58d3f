"""Print the path of a Chromium for the tests, installing one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "No Chromium: install it (Debian: apt-get install chromium; "
    "elsewhere: .venv/bin/playwright install chromium) and run the tests again"
)


def find() -> str | None:
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path), None) or _playwrights()


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Debian's where that may be installed, else Playwright's own."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = ["apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # The page shows Chinese; without a font of it pictures of the page would show boxes.
        packages = ["chromium", "fonts-noto-cjk"]
        for command in ([*apt, "update"], [*apt, "install", "--no-install-recommends", *packages]):
            if subprocess.run(command, env=environment, stdout=sys.stderr).returncode:
                break
        else:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr)


def main() -> int:
    path = find()
    if path is None:
        install()
        path = find()
    if path is None:
        print(MISSING, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
