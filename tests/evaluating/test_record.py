import json
from pathlib import Path

import pytest

from scripts.evaluating.record import BadReport, read
from scripts.evaluating.report import write
from tests.evaluating.test_figures import answers
from tests.evaluating.test_report import example


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (None, "There is no report"),
        ("{", "can't be read as a report"),
        ("[]", "is not a report.json"),
        ("{}", "is not a report.json"),
    ],
)
def test_what_is_no_report(tmp_path: Path, contents: str | None, says: str) -> None:
    path = tmp_path / "report.json"
    if contents is not None:
        path.write_text(contents)
    with pytest.raises(BadReport, match=says):
        read(path)


def test_another_format(tmp_path: Path) -> None:
    write(example(answers(5, 3)), tmp_path)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    with pytest.raises(BadReport, match="has format 2; this version reads 1"):
        read(path)
