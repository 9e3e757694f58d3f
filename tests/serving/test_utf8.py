"""Commands in locales of other encodings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT

PROGRAM = r"""
import sys
from scripts.serving.utf8 import in_utf8_mode
in_utf8_mode()
word = "\u6d4b \xe9"
print(sys.getfilesystemencoding(), sys.argv[1] == word, sys.stdout.encoding, word)
"""


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-f", "ISO-8859-1", "-i", "de_DE", str(folder / "de_DE.ISO-8859-1")]
    if not shutil.which("localedef") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs localedef and what it reads (Debian's package locales)")
    return folder


@pytest.mark.parametrize(
    ("locale", "encoding", "printed"),
    [
        ("de_DE.ISO-8859-1", "iso8859-1", r"\u6d4b é"),
        ("C.UTF-8", "utf-8", "测 é"),
        ("POSIX", "ascii", r"\u6d4b \xe9"),
    ],
)
def test_paths_are_utf8_and_output_is_the_terminals(
    locale: str, encoding: str, printed: str, locales: Path
) -> None:
    # Python itself would take UTF-8 for POSIX.
    plain = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    environment = {"PATH": os.environ["PATH"], "LOCPATH": str(locales), "LC_ALL": locale, **plain}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "测 é".encode()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode(encoding) == f"utf-8 True {encoding} {printed}\n"
