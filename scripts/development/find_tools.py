"""Find what the tests need besides Python packages, and fetch it where it is missing.

Chromium for the page, Prometheus (with promtool) for the monitoring; arguments: which. Prints their
paths.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts import ROOT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Unpacked, not installed: Debian's package would start a server of its own.
UNPACKED = ROOT / ".venv" / "prometheus"
MISSING = {
    "chromium": "No Chromium: install it (Debian: apt-get install chromium; "
    "elsewhere: .venv/bin/playwright install chromium) and run the tests again",
    "prometheus": "No Prometheus: install it with promtool (Debian: apt-get install prometheus) "
    "and run the tests again",
}


def chromium() -> str | None:
    found = (shutil.which(name) for name in CHROMIUM)
    return next((path for path in found if path), None) or _playwrights()


def prometheus(name: str = "prometheus") -> str | None:
    """name: prometheus or promtool."""
    return shutil.which(name) or shutil.which(name, path=UNPACKED / "usr" / "bin")


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def fetch_chromium() -> None:
    """Debian's where that may be installed, else Playwright's own."""
    # The page shows Chinese; without a font of it pictures of the page would show boxes.
    packages = ["chromium", "fonts-noto-cjk"]
    may_install = os.geteuid() == 0 and _apt("update")
    if may_install and _apt("install", "--no-install-recommends", *packages):
        return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr)


def fetch_prometheus() -> None:
    if os.geteuid() == 0:
        _apt("update")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # apt downloads as a user of its own
        if _apt("download", "prometheus", folder=folder):
            for package in Path(folder).glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(UNPACKED)], check=True)


def _apt(command: str, *arguments: str, folder: str | None = None) -> bool:
    if not shutil.which("apt-get"):
        return False
    apt = ["apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", command, *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(apt, cwd=folder, env=environment, stdout=sys.stderr).returncode == 0


def main() -> int:
    tools = {
        "chromium": (chromium, fetch_chromium),
        "prometheus": (prometheus, fetch_prometheus),
    }
    missing = 0
    for name in sys.argv[1:] or tools:
        find, fetch = tools[name]
        path = find()
        if path is None:
            fetch()
            path = find()
        if path is None:
            print(MISSING[name], file=sys.stderr)
            missing += 1
        else:
            print(path)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
