"""Run the service: TorchServe and its gateway, kept running by one supervisor.

serve stays in the foreground until Ctrl-C; start and stop are for the background. An option that is
not given is read from the environment variable of its name (--port: PORT).
"""

import argparse
import asyncio
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from client.errors import ServiceError
from scripts import ROOT
from scripts.serving import failures, utf8, variables
from scripts.serving.archives import served
from scripts.serving.beginning import (
    Refused,
    check_access_key,
    check_limits,
    check_machine,
    check_processor,
    check_same,
)
from scripts.serving.bounds import READY, SERVICE_STOP
from scripts.serving.changes import Changes, Wanted
from scripts.serving.logs import JsonLines, keep_before, take_over_output
from scripts.serving.ports import Door
from scripts.serving.process import GaveUp, kill_leftovers
from scripts.serving.run_directory import (
    DEFAULT,
    RunDirectory,
    write_atomically,
)
from scripts.serving.settings import Settings
from scripts.serving.variables import BadSetting

# From the background process to the command that started it.
READY_WORD, TAKEN_WORD = b"ready", b"taken"
JOIN_POLL = 0.1  # seconds between two looks at a service that somebody else starts

logger = logging.getLogger("supervisor")


class Taken(Refused):
    """Another service has the folder."""


def main() -> int:
    options = parse_arguments()
    run = RunDirectory(options.run_directory.resolve())
    parent = Parent(getattr(options, "report_to", None))
    try:
        if options.command == "stop":
            stop(run)
        elif options.command == "start":
            start(Settings.of(os.environ, options), run)
        else:
            serve(Settings.of(os.environ, options), run, parent)
    except Taken as error:
        return failed(options.command, error, parent, TAKEN_WORD)
    except (Refused, GaveUp, BadSetting, ServiceError, OSError) as error:
        return failed(options.command, in_words(error, run), parent)
    except KeyboardInterrupt:
        return 130
    return 0


def failed(command: str, sentence: object, parent: "Parent", word: bytes = b"") -> int:
    if logger.handlers and parent.exists:
        logger.error("%s", sentence)
    if not parent.tell(word or os.fsencode(str(sentence))):
        print(f"{command}: {sentence}", file=sys.stderr)
    return 1


def in_words(error: Exception, run: RunDirectory) -> str:
    """What made a service end, and what to do."""
    match error:
        case Refused() | GaveUp() | BadSetting() | ServiceError():
            return str(error)
        case OSError():
            return failures.in_words(error, run.path)
    return f"an unexpected error ({error!r}). See {run.supervisor_log}"


class Parent:
    """The command that started this process in the background, until it is told the outcome."""

    def __init__(self, descriptor: int | None) -> None:
        self.exists = descriptor is not None
        self._descriptor = descriptor

    def tell(self, word: bytes) -> bool:
        """Whether it was still waiting for a word."""
        if self._descriptor is None:
            return False
        with suppress(BrokenPipeError):
            os.write(self._descriptor, word)
        os.close(self._descriptor)
        self._descriptor = None
        return True


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help in {
        "serve": "run it in the foreground until Ctrl-C",
        "start": "run it in the background; returns when a prediction has succeeded",
        "stop": "stop it; returns when it has ended",
    }.items():
        command = commands.add_parser(name, help=help, description=help)
        command.add_argument(
            "--run-directory",
            type=Path,
            default=DEFAULT,
            help="where the service keeps its files (default: %(default)s)",
        )
        if name != "stop":
            variables.add_options(command, Settings)
            command.epilog = "ACCESS_KEY, in the environment only: the key that predictions need."
        if name == "serve":
            # For start: in the background, and its parent is told here what comes of it.
            command.add_argument("--report-to", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def serve(settings: Settings, run: RunDirectory, parent: Parent) -> None:
    """In the foreground, until SIGINT or SIGTERM; for `start` in the background."""
    # Here: the commands that only start and stop it do without, and with a third of the time.
    from scripts.serving.supervisor import Supervisor

    archives, warnings = served(settings)  # or the sentence that says why not
    logger.setLevel(logging.INFO)
    with run.locked() as is_ours:
        if not is_ours:
            raise Taken("the service is already running. See: make status")
        check_access_key(settings, run)
        check_machine()
        keep_before(run.supervisor_log)
        if parent.exists:
            take_over_output(run.supervisor_log)
        else:
            logger.addHandler(logging.StreamHandler(sys.stdout))
            logging.raiseExceptions = False  # a full disk for the log is nothing to stop for
        log = logging.FileHandler(run.supervisor_log)
        log.setFormatter(JsonLines())
        logger.addHandler(log)
        before = run.state()
        if before:
            kill_leftovers(before.children)
        for old in run.logs.glob("*.out"):
            old.unlink()
        for warning in (check_processor(), *warnings):
            if warning:
                logger.warning(warning)
        check_limits(archives.values(), run)
        has_http3 = settings.domain is not None  # it is for TLS
        with closing(Door(settings.host, settings.port, has_http3)), run.fresh_scratch():
            forget_changes(settings, run, archives)
            supervisor = Supervisor(settings, run, archives)
            try:
                asyncio.run(supervisor.run(lambda said: parent.tell(ready_word(said))))
            except Exception as error:
                when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
                supervisor.say("failed", f"it failed at {when}: {in_words(error, run)}")
                raise
            logger.info("Stopped")


def ready_word(said: list[str]) -> bytes:
    """With a line for each sentence."""
    return b"\n".join([READY_WORD, *map(os.fsencode, said)])


def forget_changes(settings: Settings, run: RunDirectory, archives: Mapping[str, Path]) -> None:
    """What operators changed in the service before."""
    run.record(Changes({name: Wanted((archive.name,)) for name, archive in archives.items()}))
    if settings.access_key:
        write_atomically(run.access_key, f"{settings.access_key}\n")


def start(settings: Settings, run: RunDirectory) -> None:
    """In the background; returns when a prediction has succeeded."""
    if run.is_running() and joined(settings, run):
        return
    _, warnings = served(settings)  # or the sentence that says why not
    for warning in (check_processor(), *warnings):
        if warning:
            print(warning, flush=True)
    read, write = os.pipe()
    command = [sys.executable, "-m", "scripts.service", "serve"]
    command += ["--run-directory", str(run.path), "--report-to", str(write)]
    # Options can be read by every user of the machine, the environment can't.
    environment = variables.without(Settings, os.environ) | variables.environment_of(settings)
    environment |= utf8.ON
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[write],
    )
    os.close(write)
    bound = READY + SERVICE_STOP
    try:
        if not select.select([read], [], [], bound)[0]:
            raise Refused(f"no prediction succeeded within {bound:.0f} s; see {run.logs}")
    except KeyboardInterrupt:
        process.terminate()
        process.wait(SERVICE_STOP)
        raise
    said = os.read(read, 10_000)
    word, *sentences = said.split(b"\n")
    if word == READY_WORD:
        for sentence in sentences:
            print(os.fsdecode(sentence))
        print(f"Ready: {settings.where}")
        return
    if said == TAKEN_WORD:  # somebody else was faster
        if joined(settings, run):
            return
        raise Refused("another service began and ended in the same folder. Try again")
    raise Refused(os.fsdecode(said) or f"the supervisor ended; see {run.supervisor_log}")


def joined(settings: Settings, run: RunDirectory) -> bool:
    """Wait until the service that somebody else started is ready; False where it was stopped.

    Raises Refused where it is another one than is asked for, or fails.
    """
    deadline = time.monotonic() + READY + SERVICE_STOP
    state = None
    while run.is_running():
        state = run.running_state() or state
        if state and state.status != "stopping":
            check_same(settings, state, run)
        if state and state.status == "ready":
            print(f"The service is already running at {settings.url}")
            return True
        if time.monotonic() > deadline:
            raise Refused(
                f"the service was being started, but is not ready yet; see {run.supervisor_log}"
            )
        time.sleep(JOIN_POLL)
    ended = run.state()
    if state and ended and ended.pid == state.pid and ended.status != "stopped":
        raise Refused(f"the service that was starting has ended{ended.last_words}")
    return False


def stop(run: RunDirectory) -> None:
    """Stop what runs; returns when it has ended."""
    pid = run.holder()
    if pid is None:
        print("The service is not running")
        return
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        # Only now is it sure that this is the one: a pid may be given to another once it is free.
        if run.holder() == pid:
            signal.pidfd_send_signal(process, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], SERVICE_STOP)
        os.close(process)
        if not ended:
            raise Refused(f"process {pid} did not stop within {SERVICE_STOP:.0f} s; see {run.logs}")
    print("Stopped")
