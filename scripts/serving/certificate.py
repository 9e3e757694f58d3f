"""The certificate that clients see, in step with the files in which its owner keeps it."""

import logging
from collections.abc import Callable
from pathlib import Path

from scripts.serving import gateway_files
from scripts.serving.key_pair import BadPair, Read, check_pair
from scripts.serving.run_directory import RunDirectory

logger = logging.getLogger("supervisor")


class Certificate:
    def __init__(
        self, run: RunDirectory, name: str, files: Callable[[], tuple[Path, Path] | None]
    ) -> None:
        """files: certificate and key in PEM, which may be one file."""
        self._run = run
        self._name = name
        self._files = files
        self._taken: tuple[Read, Read] | None = None
        self._complaint = ""  # the last one, which is not repeated

    def hand_over(self) -> None:
        """Give the gateway what is new. A pair that does not fit, as between two writes, waits."""
        files = self._files()
        if files is None:
            return
        try:
            pair = (Read.of(files[0]), Read.of(files[1]))
            if pair == self._taken:
                return
            check_pair(*pair, self._name)
            texts = [read.content.decode() for read in pair]
        except (OSError, UnicodeDecodeError, BadPair) as error:
            complaint = f"{' and '.join(map(str, files))}: not taken over ({error})"
            if complaint != self._complaint:
                logger.warning(f"{complaint}; the previous certificate stays in use")
            self._complaint = complaint
            return
        gateway_files.write_certificate(self._run, *texts)
        logger.info(f"{files[0]}: the certificate is in use now")
        self._taken, self._complaint = pair, ""
