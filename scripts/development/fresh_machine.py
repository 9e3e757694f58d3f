"""Try the README's two commands on machines that have nothing yet: minimal Debians, made for it.

Each has the packages that the README names, an ordinary user, and the last commit as a download of
it, without git; ../shared and pip's configuration are this machine's. The README's own examples
must answer with its figures. make test is reduced to make check and the tests of some files.
Needs root, debootstrap and 12 GB of disk, and takes five to fifteen minutes for each.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

from scripts import ROOT
from scripts.development import machine
from scripts.development.machine import HOME, PACKAGES, USER, Failed, Machine
from scripts.development.readme import agree, commands, examples
from scripts.serving.bounds import SERVICE_STOP
from scripts.serving.ports import Door, free_port
from scripts.serving.variables import BadSetting

SUITES = ("bookworm", "trixie")  # Debian 12 and 13
PORT = 8000  # that of the README's examples
CHECKOUT = HOME / "checkout"
SHARED = ROOT.parent / "shared"
SPACE = 12e9  # bytes: the CUDA build of torch, as a download and installed, and a base
# Seconds, of slow networks and busy machines.
SERVE, EXAMPLE, CHECK, TESTS = 3600.0, 60.0, 1800.0, 1200.0
LAST_LINES = 20  # of the output of what failed
# The main job: start, classify by each way, the page, stop. As files: fewer services are started.
MAIN_JOB = [
    "tests/client/test_classify.py",
    "tests/deploy/test_contract.py",
    "tests/operating/test_manage.py",
    "tests/web_client/test_page.py",
]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="*", default=SUITES, help="Debian's (default: %(default)s)")
    parser.add_argument("--mirror", help="Debian's packages (default: where this machine's apt is)")
    parser.add_argument("--keep", action="store_true", help="keep the trees, to look into them")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was made is removed
    try:
        check_this_machine()
        mirror = options.mirror or machine.debian_mirror()
        with (machine.CACHE / "transcript").open("w") as file:
            tries = [Try(suite, mirror, options.keep, file) for suite in options.suites]
            failed = [one.suite for one in tries if not one.succeeds()]
    except (Failed, OSError, subprocess.SubprocessError) as error:
        print(f"fresh machine: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\nThe transcript and all output are in {machine.CACHE}")
    return 1 if failed else 0


def check_this_machine() -> None:
    """Raises Failed."""
    if os.geteuid() != 0:
        raise Failed("only root can make and enter a Debian: run it as root (sudo make test-fresh)")
    if missing := machine.missing_tools():
        raise Failed(f"this needs more programs: apt-get install {' '.join(missing)}")
    if not (ROOT / ".git").exists():
        raise Failed("it tries the last commit, so it needs a checkout made by git clone")
    machine.CACHE.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(machine.CACHE).free < SPACE:
        raise Failed(f"it needs {SPACE / 1e9:.0f} GB of disk space in {machine.CACHE}")


class Try:
    """The README's commands on one machine."""

    def __init__(self, suite: str, mirror: str, keeps: bool, transcript: TextIO) -> None:
        self.suite, self.mirror, self.keeps = suite, mirror, keeps
        self.transcript = transcript
        self.tree = machine.CACHE / f"{suite}.tree"
        self.readme = (ROOT / "README.md").read_text("utf-8")
        self.port = port()

    def succeeds(self) -> bool:
        begin = time.monotonic()
        with Path(machine.CACHE, f"{self.suite}.log").open("w", encoding="utf-8") as log:
            try:
                self.all_steps(log)
            except Failed:
                log.flush()
                last = Path(log.name).read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
                self.say(f"failed; all output is in {log.name}, and this is its end:", begin)
                print("".join(f"    {line}\n" for line in last), flush=True)
                return False
            finally:
                if not self.keeps:
                    shutil.rmtree(self.tree, ignore_errors=True)
        self.say("passed", begin)
        return True

    def all_steps(self, log: TextIO) -> None:
        """Raises Failed."""
        base = self.step("minimal Debian", lambda: machine.base(self.suite, self.mirror, log))
        self.step("its user, who has the checkout", lambda: furnish(base, self.tree))
        beside = {SHARED.resolve(): HOME / "shared"} if SHARED.is_dir() else {}
        with machine.started(self.tree, beside | machine.local_indexes(), log) as fresh:
            update = ("apt-get", "-qq", "update")
            self.step("apt-get update", lambda: fresh.run(*update, bound=PACKAGES, root=True))
            for command in commands(self.readme):
                self.carry_out(fresh, command)

    def carry_out(self, fresh: Machine, command: str) -> None:
        """One of the README. Raises Failed."""
        match command.split():
            case ["apt-get" | "apt", "install", *packages]:
                options = ("-qq", "-y", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends")
                words = ("apt-get", *options, "install", *packages)
                self.step(command, lambda: fresh.run(*words, bound=PACKAGES, root=True))
            case ["make", "serve"]:
                with self.served(fresh, command):
                    for example, expected in examples(self.readme):
                        self.step(example, lambda: self.check(fresh, example, expected))  # noqa: B023
            case ["make", "test"]:
                self.step("make check", lambda: in_checkout(fresh, "make check", CHECK))
                find = ".venv/bin/python -m scripts.development.find_tools chromium"
                self.step("Chromium", lambda: in_checkout(fresh, find, TESTS))
                marks = "'started and not long and not undisturbed'"
                tests = " ".join([f".venv/bin/python -m pytest -q -m {marks}", *MAIN_JOB])
                self.step("tests of the main job", lambda: in_checkout(fresh, tests, TESTS))
            case _:
                raise Failed(f"{command}: what it does there is not known here")

    @contextmanager
    def served(self, fresh: Machine, command: str) -> Iterator[None]:
        """While it serves; then Ctrl-C. Raises Failed."""
        begin = fresh.log.tell()
        if self.port != PORT:
            command = f"PORT={self.port} {command}"
        with subprocess.Popen(
            fresh.command("bash", "-c", f"cd {CHECKOUT} && {command}"),
            env=fresh.environment(),
            stdin=subprocess.DEVNULL,
            stdout=fresh.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                self.step(f"{command}, until it is ready", lambda: ready(fresh, begin, process))
                yield
                os.killpg(process.pid, signal.SIGINT)
                self.step("Ctrl-C", lambda: ended(fresh))
            finally:
                process.kill()

    def check(self, fresh: Machine, example: str, expected: str) -> None:
        """Raises Failed."""
        line = example.replace(f":{PORT}/", f":{self.port}/")
        said = "/tmp/said"  # beside the answer: curl's meter, say  # noqa: S108
        printed = in_checkout(fresh, f"{line} 2> {said} || {{ cat {said}; false; }}", EXAMPLE)
        # The figures are those of the weights there.
        if (SHARED / "weights").is_dir() and not agree(printed, expected):
            raise Failed(f"it printed {printed!r}, not {expected!r}")

    def step(self, what: str, work: Callable[[], Any]) -> Any:
        """Raises Failed."""
        begin = time.monotonic()
        try:
            result = work()
        except Failed as error:
            self.say(f"{what}: {error}", begin)
            raise
        self.say(what, begin)
        return result

    def say(self, what: str, begin: float) -> None:
        line = f"{self.suite:9} {time.monotonic() - begin:7.1f} s  {what}"
        print(line, flush=True)
        self.transcript.write(f"{line}\n")
        self.transcript.flush()


def port() -> int:
    """The README's, unless another program has it: the machine shares this one's network."""
    try:
        Door("127.0.0.1", PORT).close()
    except BadSetting:
        return free_port()
    return PORT


def furnish(base: Path, tree: Path) -> None:
    """The tree, with a user who has downloaded this checkout."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    subprocess.run(["tar", "--numeric-owner", "-C", str(tree), "-xpf", str(base)], check=True)
    machine.take_over(tree)
    # Under sudo the checkout is another user's, which git does not trust by itself.
    archive = ["git", "-c", f"safe.directory={ROOT}", "archive", "HEAD"]
    checkout = tree / CHECKOUT.relative_to("/")
    checkout.mkdir(parents=True)
    with TemporaryFile() as file:
        subprocess.run(archive, cwd=ROOT, stdout=file, check=True)
        file.seek(0)
        subprocess.run(["tar", "-C", str(checkout), "-x"], stdin=file, check=True)
    machine.make_user(tree)


def in_checkout(fresh: Machine, line: str, bound: float) -> str:
    """Raises Failed."""
    return fresh.run("bash", "-c", f"cd {CHECKOUT} && {line}", bound=bound)


def ready(fresh: Machine, begin: int, process: subprocess.Popen[bytes]) -> None:
    """Raises Failed."""
    deadline = time.monotonic() + SERVE
    while "Ready: http" not in fresh.printed(begin):
        if process.poll() is not None:
            raise Failed(f"it ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise Failed(f"it was not ready within {SERVE:.0f} s")
        time.sleep(0.1)


def ended(fresh: Machine) -> None:
    """Raises Failed where something of it is left: who entered the machine for it ends first."""
    deadline = time.monotonic() + SERVICE_STOP
    left = ("find", "/proc", "-maxdepth", "1", "-user", USER, "-name", "[0-9]*")
    while processes := fresh.run(*left, bound=EXAMPLE, root=True).split():
        if time.monotonic() > deadline:
            raise Failed(f"after {SERVICE_STOP:.0f} s it has left {' '.join(processes)}")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
