"""The certificate that clients see, in step with the files in which its owner keeps it."""

import logging
from pathlib import Path

from scripts.serving import gateway_files
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import check_pair

logger = logging.getLogger("supervisor")


class Certificate:
    def __init__(self, run: RunDirectory, chain: Path, private_key: Path) -> None:
        """Of PEM files, which may be one."""
        self._run = run
        self._files = (chain, private_key)
        self._seen: tuple[str, str] | None = None

    def hand_over(self) -> None:
        """Give the gateway what is new. A pair that does not fit, as between two writes, waits."""
        try:
            chain, private_key = (path.read_text("ascii") for path in self._files)
            if (chain, private_key) == self._seen:
                return
            check_pair(*self._files)
        except (OSError, UnicodeDecodeError) as error:
            logger.warning(f"{self._files[0]}: not taken over, the one before stays ({error})")
            return
        gateway_files.write_certificate(self._run, chain, private_key)
        if self._seen:
            logger.info(f"{self._files[0]}: the renewed certificate was taken over")
        self._seen = chain, private_key
