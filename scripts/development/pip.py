"""pip, with a line for each stage, and one sentence when it fails."""

import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from scripts.development.environment import Environment

# What pip says, and what there is to do. The first that is found counts.
FAILURES = {
    r"DO NOT MATCH THE HASHES": (
        "a file is not the one that was locked (its hash differs): the package index or a proxy "
        "changed it. Ask whoever runs it, or name another index (PIP_INDEX_URL)"
    ),
    r"No space left on device|Disk quota exceeded": (
        "the disk is full. Free some space, here and in the folder for temporary files (TMPDIR)"
    ),
    r"ProxyError|Tunnel connection failed": (
        "the proxy (http_proxy, https_proxy or pip's own) refuses. Mend or unset it"
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLError": (
        "the package index's certificate is not trusted here. Install ca-certificates, or name "
        "your authority's file (PIP_CERT)"
    ),
    r"NewConnectionError|Timeout|Name or service|Max retries|Temporary failure|unreachable|"
    r"Connection (refused|aborted|reset|broken)|RemoteDisconnected": (
        "the package index can't be reached. Check the network, or name another index "
        "(PIP_INDEX_URL)"
    ),
    r"No matching distribution|Could not find a version": (
        "the package index has no wheel of it for this Python and this machine. Check the index's "
        "address, and that this Python is an ordinary CPython"
    ),
    r"BadZipFile|is invalid|Content-Type|IncompleteRead|JSONDecode|HTTP error|inconsistent|zlib": (
        "the package index answers with something else than packages. Check its address, or ask "
        "whoever runs it"
    ),
}
PACKAGE = re.compile(r"Collecting |Processing |Requirement already satisfied: ")
FILE = re.compile(r"(Downloading|Using cached) (\S+?) \(([\d.]+) ([kMG]?B)\)$")
MEGABYTES = {"B": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
LARGE = 20  # MB: a download worth a line where nobody sees it go on
TAIL = 30  # lines of pip's that are kept for its failure


class Failed(Exception):
    """pip failed; the argument is a sentence for people."""


class Progress:
    """One line that changes where it is a terminal; elsewhere a line for each large file."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.packages = 0
        self.downloaded = 0.0  # MB
        self.begun = time.monotonic()

    def read(self, line: str) -> None:
        if PACKAGE.match(line):
            self.packages += 1
        elif match := FILE.match(line):
            size = float(match[3]) * MEGABYTES[match[4]]
            self.downloaded += size if match[1] == "Downloading" else 0
            name = match[2].rpartition("/")[2].split("-")[0]
            self._show(f"{name} ({size:.0f} MB)" if size >= 1 else name, size >= LARGE)
        elif line.startswith("Installing collected packages"):
            self._show("unpacking", True)

    def _show(self, step: str, is_long: bool) -> None:
        text = f"setup: {self.what}: {self.packages} packages, {self.downloaded:.0f} MB, {step}"
        if sys.stdout.isatty():
            print(f"\r\033[K{text}", end="", flush=True)
        elif is_long:
            print(text, flush=True)

    def clear(self) -> None:
        if sys.stdout.isatty():
            print("\r\033[K", end="", flush=True)

    def end(self) -> None:
        seconds = time.monotonic() - self.begun
        print(
            f"setup: {self.what}: {self.packages} packages, {self.downloaded:.0f} MB downloaded, "
            f"{seconds:.0f} s",
            flush=True,
        )


def install(environment: Environment, what: str, *arguments: str) -> None:
    """Wheels alone: to build a source distribution pip fetches tools whose hashes nobody checks.

    Raises Failed.
    """
    progress = Progress(what)
    log = environment.directory / "setup.log"
    last: deque[str] = deque(maxlen=TAIL)
    with (
        log.open("a", encoding="utf-8") as file,
        subprocess.Popen(
            command(environment, "install", "--progress-bar", "off", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            close_fds=False,  # whatever becomes of this process, pip holds the setup's lock
        ) as pip,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            file.write(line)
            last.append(line)
            progress.read(line.strip())
    progress.clear()
    if pip.returncode:
        raise Failed(sentence(what, "".join(last), log))
    progress.end()


def sentence(what: str, said: str, log: Path) -> str:
    errors = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()
    todo = next((words for pattern, words in FAILURES.items() if re.search(pattern, said)), None)
    advice = todo or f"pip says: {errors[0].rstrip('.') if errors else 'nothing'}"
    return f"{what} could not be installed: {advice}. All of what pip said is in {log}"


def offers(environment: Environment, package: str, *options: str, limit: float) -> bool:
    """Whether that index has it (NAME==VERSION, of any build) for this Python, within the limit."""
    name, _, version = package.partition("==")
    asked = command(environment, "index versions", *options, name)
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return False
    return re.search(rf"[ (]{re.escape(version)}(\+\w+)?[,)\s]", found.stdout) is not None


def command(environment: Environment, verb: str, *arguments: str) -> list[str]:
    python = str(environment.python)
    options = ("--disable-pip-version-check", "--only-binary", ":all:")
    return [python, "-m", "pip", *verb.split(), *options, *arguments]
