"""Classify pictures with a running service."""

import os
import signal
import sys
from pathlib import Path

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing to say while modules load

from scripts import ROOT
from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__" and not str(ROOT).isascii():
    in_utf8_mode()  # the pictures' names keep the locale's encoding elsewhere

from client.classify import arguments, main
from client.errors import ServiceError
from client.output import complain
from scripts.serving.management import running
from scripts.serving.run_directory import DEFAULT, RunDirectory


def command() -> int:
    """By default it asks the service of this checkout, wherever that is, with its key."""
    parser = arguments()
    parser.add_argument("--run-directory", type=Path, default=DEFAULT, help="default: %(default)s")
    options = parser.parse_args()
    key, host = os.environ.get("ACCESS_KEY"), None
    try:
        run = RunDirectory(options.run_directory.resolve())
        state = None if options.url else running(run)
    except ServiceError as error:
        complain(str(error))
        return 2
    if state:
        options.url, options.model = state.local_url, options.model or state.model
        # The environment's key may have been renewed here since.
        key, host = state.settings.access_key, state.settings.domain
    return main(options, key, host)


if __name__ == "__main__":
    sys.exit(command())
