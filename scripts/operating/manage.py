"""Operate a running service: show its status, scale it, roll out other archives, renew its keys.

TorchServe's keys are read from where the service keeps them. Exit status: 0 on success, 1 on
failure, 128 and its number where a signal ended it (Ctrl-C: 130).
"""

import argparse
import math
import os
import shlex
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from client.errors import ServiceError
from scripts.operating import rollout as moves
from scripts.operating.arguments import parse_arguments
from scripts.operating.canaries import Bounds, TooSlow
from scripts.operating.change import ENDING, in_a_sentence
from scripts.operating.keys import renew_access_key, renew_torchserve_keys
from scripts.operating.status import show
from scripts.serving.failures import in_words
from scripts.serving.management import running
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings
from scripts.serving.variables import BadSetting, variables

if TYPE_CHECKING:  # numpy takes a moment to load, and most commands need none
    from scripts.operating.examination import Examination


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    for ending in ENDING:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup's wish
            signal.signal(ending, interrupt)
    try:
        status = COMMANDS[options.command](run, options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except ServiceError as error:
        print(f"{options.command}: {in_a_sentence(error, run)}", file=sys.stderr)
        return 1
    except BadSetting as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # another user's service, a full disk
        print(f"{options.command}: {in_words(error, run.path)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interruption:
        received: int = interruption.args[0]
        if getattr(options, "watch", False):  # the way to end it
            return 0 if received == signal.SIGINT else 128 + received
        with suppress(OSError):  # its terminal is gone
            print(f"{options.command}: interrupted. See: make versions", file=sys.stderr)
        return 128 + received


def interrupt(received: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(received)


def given(options: argparse.Namespace, field: str, question: str = "") -> Any:
    """A setting of the command line, else of the environment. Raises BadSetting, ServiceError."""
    one = next(one for one in variables(Settings) if one.field == field)
    if (text := getattr(options, field, None)) is not None:
        return one.read(text, one.name)
    if one.name in os.environ:
        return one.read(os.environ[one.name], one.name)
    raise ServiceError("not_given", question)


def status(run: RunDirectory, options: argparse.Namespace) -> int:
    return show(run, options.json, options.watch)


def scale(run: RunDirectory, options: argparse.Namespace) -> int:
    workers = given(options, "workers", "How many workers? make scale WORKERS=3")
    model = the_model(run, options.name)
    moves.scale(run, model, workers)
    print(f"{model} has {workers} worker{'s' if workers > 1 else ''}")
    return 0


def rollout(run: RunDirectory, options: argparse.Namespace) -> int:
    archive = given(options, "archive", "Which archive? make rollout ARCHIVE=new.mar")
    agreement = options.agreement
    if agreement is None:
        agreement = 0.0 if options.labelled else Bounds.agreement
    bounds = Bounds(options.canaries, options.expected, agreement, options.latency)
    rollout, before = moves.Rollout(run), run.changes().models
    try:
        with tempfile.TemporaryDirectory(prefix="pictures-") as scratch:
            examination = the_examination(options, Path(scratch))
            model, version = rollout.roll_out(archive, bounds, options.beside, examination)
    except TooSlow as error:
        arguments = [*sys.argv[1:], *([] if options.archive else [str(archive)])]
        again = f"{shlex.join(arguments)} --latency {math.ceil(error.seconds)}"
        raise ServiceError(
            error.type, f"{error}. To accept that: .venv/bin/python -m scripts.manage {again}"
        ) from error
    if examination:
        print(examination.verdict)
    if options.beside:
        print(f"Version {version} answers at /predictions/{model}/{version}")
    elif model not in before:
        print(f"{model}, version {version}, answers at /predictions/{model}")
    else:
        print(f"Version {version} is now serving. To undo: make rollback{named(run, model)}")
    return 0


def the_examination(options: argparse.Namespace, scratch: Path) -> "Examination | None":
    """That a new version has to pass, where one is asked for. Raises ServiceError."""
    if not options.labelled:
        if options.require:
            raise ServiceError("not_given", "On which pictures? make rollout … LABELLED=folder")
        return None
    from scripts.operating.examination import Examination, Required

    return Examination(Required(options.labelled, **options.require or {}), scratch)


def rollback(run: RunDirectory, options: argparse.Namespace) -> int:
    model = the_model(run, options.name)
    bounds = Bounds(options.canaries, latency=options.latency)
    version = moves.Rollout(run).roll_back(model, bounds)
    print(f"Version {version} is serving again")
    return 0


def list_versions(run: RunDirectory, _: argparse.Namespace) -> int:
    rows = moves.versions(run)
    width = max(len(row.model) for row in rows)
    for row in rows:
        mark = f"{row.state}, before" if row.before else row.state
        print(f"{row.model:{width}} {row.version:10} {mark:18} {row.archive}")
    if any(row.before for row in rows):
        print("before: it was the default before; make rollback restores it")
    if "unrecorded" in (row.state for row in rows):
        print(
            "unrecorded: a command is at work on it, or did not finish; the next scale, rollout, "
            "rollback, default or unload puts it right"
        )
    return 0


def the_model(run: RunDirectory, name: str | None) -> str:
    """That of this name, else the first. Raises ServiceError where the service has none."""
    first, changes = running(run).model, run.changes()
    if name in changes.given_up:
        raise ServiceError("given_up", changes.given_up[name])
    if name and name not in changes.models:
        raise ServiceError(
            "no_model", f"There is no model {name} here. There are: {', '.join(changes.models)}"
        )
    return name or first


def named(run: RunDirectory, model: str) -> str:
    """What a command for that model needs besides."""
    return "" if model == running(run).model else f" NAME={model}"


def the_version(options: argparse.Namespace) -> str:
    """Raises ServiceError."""
    version: str | None = options.version or os.environ.get("VERSION")
    if not version:
        raise ServiceError("not_given", f"Which version? make {options.command} VERSION=2.0")
    return version


def default(run: RunDirectory, options: argparse.Namespace) -> int:
    version = the_version(options)
    model = the_model(run, options.name)
    if moves.set_default(run, model, version):
        print(f"Version {version} is the default. To undo: make rollback{named(run, model)}")
    else:
        print(f"Version {version} is the default already; nothing was changed")
    return 0


def unload(run: RunDirectory, options: argparse.Namespace) -> int:
    version = the_version(options)
    moves.unload(run, the_model(run, options.name), version)
    print(f"Version {version} is no longer loaded")
    return 0


def rotate_keys(run: RunDirectory, options: argparse.Namespace) -> int:
    new = key_in(options.key_from) if options.key_from else None
    if path := renew_access_key(run, new, options.grace):
        seconds = run.changes().old_until - time.monotonic()
        until = in_time(time.time() + seconds)
        print(f"The new access key is in {path}. The one before is valid until {until}", flush=True)
    renew_torchserve_keys(run)
    print("TorchServe has new keys")
    return 0


def key_in(file: Path) -> Any:
    """Raises BadSetting, OSError."""
    one = next(one for one in variables(Settings) if one.field == "access_key")
    return one.read(file.read_text("utf-8", "replace").strip(), str(file))


def in_time(when: float) -> str:
    """The local time, with the date where it is not today's. when: as time.time() has it."""
    today = time.strftime("%Y-%m-%d")
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when)).removeprefix(f"{today} ")


COMMANDS = {
    "status": status,
    "scale": scale,
    "rollout": rollout,
    "rollback": rollback,
    "versions": list_versions,
    "default": default,
    "unload": unload,
    "rotate-keys": rotate_keys,
}
