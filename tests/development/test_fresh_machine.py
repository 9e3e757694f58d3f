"""What make test-fresh reads in the README, and how it compares; it itself takes half an hour."""

import os
import subprocess
import sys

import pytest

from scripts import ROOT
from scripts.development.machine import VARIABLES
from scripts.development.readme import agree, commands, examples

COMMAND = [sys.executable, "-m", "scripts.development.fresh_machine"]
README = (ROOT / "README.md").read_text("utf-8")


def test_each_command_comes_after_what_it_needs() -> None:
    first, serve, second, test = commands(README)
    assert (serve, test) == ("make serve", "make test")
    needed = [line.removeprefix("apt install ").split() for line in (first, second)]
    assert {"python3-venv", "make"} <= set(needed[0])
    assert {"chromium", "curl", "openssl"} <= set(needed[0] + needed[1])


def test_both_clients_answer_there() -> None:
    found = dict(examples(README))
    assert [command.split()[0] for command in found] == [".venv/bin/python", "curl"]
    for printed in found.values():
        assert "Egyptian cat" in printed
        assert agree(printed, printed)


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ("  62.4%  cat\n  14.7%  tabby", True),
        ("  62.3%  cat\n  14.8%  tabby\n", True),
        ("  62.2%  cat\n  14.7%  tabby", False),
        ("  62.4%  dog\n  14.7%  tabby", False),
        ("  62.4%  cat", False),
        ("", False),
    ],
)
def test_only_the_last_digit_may_differ(printed: str, same: bool) -> None:
    assert agree(printed, "  62.4%  cat\n  14.7%  tabby") == same


def test_six_digits_may_differ_by_what_processors_do() -> None:
    assert agree("0.624452", "0.624447")
    assert not agree("0.624458", "0.624447")


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        *((name, True) for name in ("PIP_INDEX_URL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE")),
        *((name, False) for name in ("PIP_CACHE_DIR", "HOME", "PYTHONPATH", "ACCESS_KEY")),
    ],
)
def test_what_reaches_the_network_is_taken_over(name: str, taken: bool) -> None:
    assert bool(VARIABLES.fullmatch(name)) == taken


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_help() -> None:
    assert "--keep" in run(*COMMAND, "--help").stdout


def test_others_than_root_are_told_so() -> None:
    ordinary = ["unshare", "--user", "--map-user=1000"] if os.geteuid() == 0 else []
    done = run(*ordinary, *COMMAND)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "sudo make test-fresh" in done.stderr
