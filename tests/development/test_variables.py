"""make refuses what it does not know or can't use, before anything is built or started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.development.variables import known


def make(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # The tests may run under a make, which hands its own variables on.
    outside = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(
        ["make", *words],
        cwd=ROOT,
        env={**outside, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_name_in_the_environment_that_is_nearly_one_of_ours() -> None:
    """As after `export ACCES_KEY=…`, which would start a service that is open to all."""
    command = [sys.executable, "-m", "scripts.development.variables", "check"]
    environment = os.environ | {"ACCES_KEY": "s3cret"}
    for groups, status in (("serving packaging", 1), ("packaging", 0), ("", 0)):
        done = subprocess.run(
            [*command, groups], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == status
        assert done.stderr == "The environment has ACCES_KEY. Did you mean ACCESS_KEY?\n" * status


def files() -> set[Path]:
    return {path for folder in (".", "model_store") for path in (ROOT / folder).iterdir()}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("start", "ACCES_KEY=s3cret", "HOST=0.0.0.0"), "Did you mean ACCESS_KEY?"),
        (("start", "WORKER=2"), "Did you mean WORKERS?"),
        (("archive", "WEIGHT=x.pth"), "Did you mean WEIGHTS?"),
        (("scale", "worker=2"), "Did you mean WORKERS?"),
        (("serve", "QUICKLY=1"), "There is no variable QUICKLY. make help lists them."),
        (("start", "MODEL_API=maybe"), "MODEL_API='maybe': write 1 or 0, yes or no"),
        (("start", "PORT=80999"), "PORT='80999'"),
        (("start", "HOST=a\nb"), r"HOST='a\nb'"),
        (("start", "HOSTS=it's"), 'HOSTS="it\'s"'),
        (("start", "ACCESS_KEY="), "ACCESS_KEY: it is empty"),
        (("start", "PRECISION=fp16"), "PRECISION='fp16': choose fp32 or int8"),
        (("start", "PRECISION=a:b c%"), "PRECISION='a:b c%': choose fp32 or int8"),
        (("archive", "MODEL=a b"), "MODEL='a b'"),
        (("archive", "NAME=a b"), "NAME='a b'"),
        (("archive", "VERSION=1 0"), "VERSION='1 0'"),
        (("archive", "WEIGHTS=nothing"), "WEIGHTS='nothing': there is no such file"),
        (("archive", "LABELS=nothing"), "LABELS='nothing': there is no such file"),
        (("archive", "CALIBRATION=nothing"), "CALIBRATION='nothing': there is no such folder"),
        (("soak", "MINUTES=0"), "MINUTES='0'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_refused(given: tuple[str, ...], sentence: str) -> None:
    before = files()
    done = make(*given)
    assert done.returncode == 2
    said, *makes_own = done.stderr.splitlines()
    assert sentence in said
    assert len(makes_own) == 1
    assert files() == before


@pytest.mark.parametrize(
    ("given", "archive"),
    [
        ((), "resnet18-fp32"),
        (("PRECISION=int8",), "resnet18-int8"),
        (("NAME=my-int8",), "my-int8"),
        (("MODEL=mine", "PRECISION=int8"), "mine"),
    ],
)
def test_which_archive_is_built(given: tuple[str, ...], archive: str) -> None:
    """The computer's name, which some systems have in the environment, is none of a model."""
    done = make("archive", "--dry-run", "--always-make", *given, NAME="DESKTOP-1")
    assert f"scripts.build_archive --output model_store/{archive}.mar" in done.stdout
    assert "DESKTOP-1" not in done.stdout


def test_every_target_knows_its_variables() -> None:
    """Also those that read none."""
    listed = make("help").stdout.partition("Variables")[0]
    targets = [line.split()[0] for line in listed.splitlines()[1:]]
    assert {"stop", "status", "versions", "rollback", "trace", "lint", "help"} <= set(targets)
    for target in targets:
        done = make(target, "PROT=9", "PYTHON=false", "--dry-run")
        first = done.stdout.splitlines()[0]
        assert "scripts.development.variables check" in first, target
        assert "PROT" in first, target
    done = make("stop", "PROT=9")
    assert done.returncode == 2
    assert "There is no variable PROT. Did you mean PORT?" in done.stderr


def test_from_elsewhere(tmp_path: Path) -> None:
    """The folder that it is started in has nothing of the checkout."""
    command = ["make", "-f", str(ROOT / "Makefile"), "start"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "From elsewhere: make -C CHECKOUT start" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_settings_of_other_pythons_do_no_harm() -> None:
    done = make("help", PYTHONHOME="/nothing", PYTHONPATH="/nothing", LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_dollar_sign_is_not_lost() -> None:
    done = make("start", "ACCESS_KEY=aaaaaaaaaaaaaaaaaaaa$b")
    assert done.returncode == 2
    assert "ACCESS_KEY: make reads a $ as a variable of its own" in done.stderr


@pytest.mark.parametrize("target", ["stop", "status"])
def test_a_stale_environment_breaks_neither(target: str) -> None:
    stale = {one.name: "/nothing\n" for one in known() if one.name not in ("PYTHON", "ARGS")}
    done = make(target, **stale)
    assert "The service is not running" in done.stdout + done.stderr
    assert "/nothing" not in done.stderr


def test_help_lists_every_variable() -> None:
    listed = make("help").stdout.partition("Variables")[2]
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [one.name for one in known()]


def test_they_need_nothing_that_is_installed() -> None:
    """make checks them before there is an environment; -S: without site-packages."""
    command = [sys.executable, "-S", "-m", "scripts.development.variables", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ACCESS_KEY" in done.stdout
