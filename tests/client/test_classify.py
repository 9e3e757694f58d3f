"""scripts/classify.py, as a user starts it."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts import ROOT, SAMPLES
from tests.client.foreign import Answer, Foreign, answer, foreign
from tests.handler.pictures import saved
from tests.service import Service

COMMAND = [sys.executable, "scripts/classify.py"]
NOBODY = "http://127.0.0.1:9"
CAT = str(SAMPLES / "cat.jpg")
ITEM = {"class": "tabby", "class_zh": "虎斑猫", "class_id": 281, "wnid": "n1", "confidence": 0.5}
GOOD = answer(200, json.dumps([ITEM]).encode())
NEVER = [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "]
PICTURES = 40


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, input=stdin, capture_output=True, timeout=100
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def classify(service: Service, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    return run("--url", service.url, *arguments, stdin=stdin)


def test_classify_prints_a_table(service: Service) -> None:
    code, out, _ = classify(service, CAT)
    assert code == 0
    assert out.splitlines()[0].endswith("cat.jpg")
    assert len(out.splitlines()) == 4
    assert "埃及猫" in out


def test_classify_folder_as_csv_and_json(service: Service) -> None:
    pictures = len(list(SAMPLES.glob("*.jpg")))
    code, out, err = classify(service, "--csv", str(SAMPLES))
    assert code == 0
    assert err == "classify: skipped: 1 .md, 1 .json\n"
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == pictures
    assert all(row["class"] and row["class_3"] for row in rows)
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
    assert "is empty" in out
    code, out, _ = classify(service, "--url", "http://127.0.0.1:1", "--patience", "0", CAT)
    assert code == 1
    assert "Can't reach" in out


def test_what_is_wrong_with_all_is_said_once(service: Service) -> None:
    for options in (["--top-k", "5000"], ["--model", "../no such"]):
        code, out, err = classify(service, "--json", *options, str(SAMPLES))
        assert code == 1
        assert len(out.splitlines()) == 1
        assert "stopped after 1 of 6 pictures: " in err


def test_its_own_service_is_found(service: Service) -> None:
    code, out, _ = run("--run-directory", str(service.run.path), CAT)
    assert code == 0
    assert "Egyptian cat" in out


def test_what_a_camera_writes_is_made_smaller(service: Service, tmp_path: Path) -> None:
    """Too many bytes, and, of a picture that compresses well, too many pixels."""
    with Image.open(CAT) as cat:
        pixels = np.asarray(cat.resize((2000, 1600))).astype(int)
    pixels += np.random.default_rng(7).integers(-40, 40, pixels.shape)
    noisy = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = noisy.transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "bytes").write_bytes(saved(sideways, "JPEG", quality=100, subsampling=0, exif=exif))
    assert (tmp_path / "bytes").stat().st_size > 5_000_000
    (tmp_path / "pixels").write_bytes(saved(Image.new("1", (8000, 8000)), "PNG"))
    code, out, _ = classify(service, "--json", str(tmp_path))
    assert code == 0, out
    assert json.loads(out.splitlines()[0])["items"][0]["class"] in ("Egyptian cat", "tabby")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--top-k", "0", CAT], "'0' is not a whole number"),
        (["--top-k", "12345678901", CAT], "'12345678901' is not a whole number"),
        (["--top-k", "abc", CAT], "'abc' is not a whole number"),
        *(
            (["--patience", text, CAT], f"'{text}' is not a number of seconds")
            for text in ("nan", "inf", "x")
        ),
        (["--patience=-1", CAT], "'-1' is not a number of seconds"),
        (["--url", "127.0.0.1:8000", CAT], "write http://127.0.0.1:8000"),
        (["--url", NOBODY, "--resume", "/nowhere", CAT], "/nowhere: No such file"),
        (["--url", NOBODY, "--resume", "README.md", CAT], "README.md: line 1 is not one"),
        (["--url", NOBODY, "deploy/gateway"], "no pictures found"),
        (["--run-directory", "docs", CAT], "The service is not running. Start it: make start"),
    ],
)
def test_what_can_t_be_done_is_one_sentence(arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(PICTURES):
        (folder / f"{number:02}.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@contextmanager
def begun(*arguments: str, server: Foreign) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    command = [*COMMAND, "--url", server.url, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as client:
        try:
            yield client
        finally:
            client.kill()


def answers(number: int) -> list[Answer]:
    return [*[GOOD] * number, NEVER]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_says_how_far_it_came_and_can_go_on(
    number: int, status: int, folder: Path, tmp_path: Path
) -> None:
    before = tmp_path / "answers.jsonl"
    with foreign(*answers(10)) as server, begun("--json", str(folder), server=server) as client:
        assert client.stdout and client.stderr
        lines = [client.stdout.readline()]
        before.write_bytes(lines[0])
        client.send_signal(number)
        assert client.wait(10) == status
        lines += client.stdout.readlines()
        done = len(lines)
        # The signal may come while one is written, which counts and is asked for again.
        assert client.stderr.read().decode() in [
            f"classify: stopped after {number} of {PICTURES} pictures. "
            "To go on, name the file with these answers: --resume FILE\n"
            for number in (done, done + 1)
        ]
    before.write_bytes(b"".join(lines) + b'{"file": "x", "error": {}}\n')
    with foreign(GOOD) as server:
        code, out, err = run("--url", server.url, "--json", "--resume", str(before), str(folder))
        assert (code, err) == (0, f"classify: skipped: {done} answered before\n")
        lines += [line.encode() for line in out.splitlines()]
        assert [json.loads(line)["file"] for line in lines] == sorted(map(str, folder.iterdir()))
        before.write_bytes(b"\n\r\n".join(map(bytes.strip, lines)) + b"\n\n")
        code, out, _ = run("--url", server.url, "--json", "--resume", str(before), str(folder))
        assert (code, out, len(server.heads)) == (0, "", PICTURES - done)


def test_ctrl_c_while_it_waits_for_standard_input() -> None:
    with foreign(GOOD) as server, begun(CAT, "-", server=server) as client:
        assert client.stdout and client.stderr
        client.stdout.readline()
        client.send_signal(signal.SIGINT)
        assert client.wait(10) == 130
        assert client.stderr.read().startswith(b"classify: stopped after 1 of 2 pictures")


def test_a_reader_that_leaves_ends_it(folder: Path) -> None:
    with foreign(GOOD) as server, begun(str(folder), server=server) as client:
        assert client.stdout and client.stderr
        client.stdout.readline()
        client.stdout.close()
        assert client.wait(10) == 1
        assert client.stderr.read() == b""
        assert len(server.heads) < PICTURES


def test_a_full_disk_is_told(folder: Path) -> None:
    with foreign(GOOD) as server, Path("/dev/full").open("wb") as full:
        command = [*COMMAND, "--url", server.url, str(folder)]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert done.stderr == b"classify: The answers can't be written: No space left on device\n"


def test_no_bar_where_no_terminal_reads(folder: Path) -> None:
    with foreign(GOOD) as server:
        code, out, err = run("--url", server.url, str(folder))
        assert (code, err) == (0, "")
        assert len(out.splitlines()) == 2 * PICTURES
        command = [*COMMAND, "--url", server.url, str(folder)]
        ours, its = os.openpty()
        termios.tcsetwinsize(its, (24, 80))
        with os.fdopen(ours, "rb", buffering=0) as reader:
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=its, timeout=60)
            os.close(its)
            bar = b""
            with suppress(OSError):  # the end, where a terminal's other side is closed
                while part := reader.read(10_000):
                    bar += part
    assert done.returncode == 0
    assert f"{PICTURES}/{PICTURES}".encode() in bar


def test_list(service: Service) -> None:
    code, out, err = classify(service, "--list")
    assert (code, err) == (0, "")
    assert out.startswith("resnet18  1.0  1,000 classes")
    code, out, _ = classify(service, "--list", "--json")
    assert [len(json.loads(line)["classes"]) for line in out.splitlines()] == [1000]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"models": [1]}',
        b'{"models": [{"name": "a"}]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_list_of_something_else(body: bytes) -> None:
    with foreign(answer(200, body)) as server:
        code, out, err = run("--url", server.url, "--list")
    assert (code, out) == (2, "")
    assert err == f"classify: What answers at {server.url} is not a classification service\n"


def test_list_where_there_is_none() -> None:
    code, out, err = run("--url", NOBODY, "--list")
    assert (code, out) == (2, "")
    assert err == f"classify: Can't reach {NOBODY}: Connection refused\n"
    with foreign(answer(404)) as server:  # an older service
        code, out, err = run("--url", server.url, "--list")
    assert (code, out, err) == (2, "", f"classify: {server.url}/models answered 404\n")


def test_list_or_pictures() -> None:
    for arguments in ([], ["--list", CAT]):
        code, _, err = run("--url", NOBODY, *arguments)
        assert code == 2
        assert "--list" in err
