"""scripts/classify.py, as a user starts it."""

import csv
import io
import json
import subprocess
import sys

from scripts import ROOT, SAMPLES
from tests.service import Service


def classify(service: Service, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    command = [sys.executable, "scripts/classify.py", "--url", service.url, *arguments]
    done = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, timeout=100)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_classify_prints_a_table(service: Service) -> None:
    code, out, _ = classify(service, str(SAMPLES / "cat.jpg"))
    assert code == 0
    assert out.splitlines()[0].endswith("cat.jpg")
    assert len(out.splitlines()) == 4
    assert "埃及猫" in out


def test_classify_folder_as_csv_and_json(service: Service) -> None:
    pictures = len(list(SAMPLES.glob("*.jpg")))
    code, out, _ = classify(service, "--csv", str(SAMPLES))
    assert code == 0
    assert len(list(csv.DictReader(io.StringIO(out)))) == 3 * pictures
    code, out, _ = classify(service, "--json", "--top-k", "1", str(SAMPLES))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [len(line["items"]) for line in lines] == [1] * pictures


def test_classify_says_what_failed(service: Service) -> None:
    picture = (SAMPLES / "cat.jpg").read_bytes()
    assert classify(service, "-", stdin=picture)[0] == 0
    code, out, err = classify(service, "-", "/nothing/there.jpg", "README.md", stdin=picture)
    assert code == 1
    assert "can't be read" in out
    assert "not a picture" in out
    assert "2 of 3 pictures failed" in err
    code, out, _ = classify(service, "--url", "http://127.0.0.1:1", "--patience", "0", "-")
    assert code == 1
    assert "Can't reach" in out
