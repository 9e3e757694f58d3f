"""The setup, with an environment and package indexes of the tests' own."""

import base64
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts import PYTHONS, ROOT
from scripts.development import pip, set_up
from scripts.development.environment import Environment
from scripts.serving.ports import free_port

PACKAGES = ("first", "second", "third")
FILES = 150  # of each package


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("made") / "environment")
    environment.make()
    return environment


def wheel(folder: Path, name: str, files: int = 1, requires: str = "") -> str:
    """Of a package with so many modules; its sha256."""
    about = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    modules = {f"{name}/m{i}.py": f"value = {i}\n" * 50 for i in range(files)}
    contents = {
        f"{name}/__init__.py": "",
        **modules,
        f"{about}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},{digest(text)},{len(text)}\n" for file, text in contents.items())
    record += f"{about}/RECORD,,\n"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**contents, f"{about}/RECORD": record}.items():
            archive.writestr(file, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(text: str) -> str:
    hashed = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={hashed.decode().rstrip('=')}"


def install(environment: Environment, folder: Path, *names: str) -> None:
    pip.install(environment, "it", "--no-index", "--find-links", str(folder), *names)


def imports_all(environment: Environment, *names: str) -> bool:
    code = "".join(f"import {name};" for name in names)
    try:
        found = subprocess.run([environment.python, "-c", code], capture_output=True)
    except OSError:
        return False
    return found.returncode == 0


class TestLocked:
    def install(self, environment: Environment, folder: Path, digest: str) -> None:
        file = folder / "lock.txt"
        file.write_text(f"locked==1.0 --hash=sha256:{digest}\n")
        options = ("--require-hashes", "--no-deps", "-r", str(file))
        install(environment, folder, *options)

    def test_brings_what_has_the_hash_and_nothing_else(
        self, made: Environment, tmp_path: Path
    ) -> None:
        wheel(tmp_path, "unlocked")
        self.install(made, tmp_path, wheel(tmp_path, "locked", requires="unlocked"))
        assert (made.site_packages / "locked").exists()
        assert not (made.site_packages / "unlocked").exists()

    def test_refuses_what_has_another_hash(self, made: Environment, tmp_path: Path) -> None:
        digest = wheel(tmp_path, "locked2")
        (tmp_path / "locked2-1.0-py3-none-any.whl").rename(tmp_path / "locked-2.0-py3-none-any.whl")
        file = tmp_path / "lock.txt"
        file.write_text(f"locked==2.0 --hash=sha256:{digest[::-1]}\n")
        with pytest.raises(pip.Failed, match=r"it could not be installed: .*its hash differs"):
            install(made, tmp_path, "--require-hashes", "--no-deps", "-r", str(file))


@contextmanager
def index(answer: bytes, status: int = 200, kind: str = "text/html") -> Iterator[str]:
    """A package index that gives the same answer to everything; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


LINK = b'<a href="/it-1.0-py3-none-any.whl">it-1.0-py3-none-any.whl</a>'


@pytest.mark.parametrize(
    ("answer", "status", "kind", "words"),
    [
        (LINK, 200, "text/html", "answers with something else than packages"),
        (b"\x00garbage\xff" * 100, 200, "application/octet-stream", "has no wheel of it"),
        (b"<html>Please log in</html>", 200, "text/html", "has no wheel of it"),
        (b"Forbidden", 403, "text/html", "has no wheel of it"),
    ],
    ids=["garbage for a wheel", "bytes", "a portal", "403"],
)
def test_odd_indexes(made: Environment, answer: bytes, status: int, kind: str, words: str) -> None:
    with index(answer, status, kind) as url, pytest.raises(pip.Failed, match=words) as failure:
        pip.install(made, "it", "--retries", "0", "--index-url", url, "it==1.0")
    assert str(failure.value).startswith("it could not be installed: ")
    assert "\n" not in str(failure.value)


def test_no_network(made: Environment) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/simple"
    with pytest.raises(pip.Failed, match="the package index can't be reached"):
        pip.install(made, "it", "--retries", "1", "--index-url", nobody, "it==1.0")
    assert not pip.offers(made, "it==1.0", "--retries", "0", "--index-url", nobody, limit=60)


def test_an_index_that_never_answers_is_given_up(made: Environment) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        url = f"http://127.0.0.1:{server.server_port}/simple"  # accepts, and reads nothing
        begun = time.monotonic()
        assert not pip.offers(made, "it==1.0", "--index-url", url, limit=2)
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("wanted", "has"), [("it==1.0", True), ("it==1", False), ("it==2.0", False)]
)
def test_offers(made: Environment, tmp_path: Path, wanted: str, has: bool) -> None:
    wheel(tmp_path, "it")
    options = ("--no-index", "--find-links", str(tmp_path))
    assert pip.offers(made, wanted, *options, limit=60) is has


def test_a_full_disk(made: Environment, tmp_path: Path) -> None:
    for name in PACKAGES:
        wheel(tmp_path, name, FILES)
    target, temporary = tmp_path / "target", tmp_path / "temporary"
    for place in (target, temporary):
        place.mkdir()
    code = (
        "from tests.development.test_set_up import *\n"
        f"folder, target = Path({str(tmp_path)!r}), {str(target)!r}\n"
        f"environment = Environment(Path({str(made.directory)!r}))\n"
        "install(environment, folder, '--target', target, *PACKAGES)"
    )
    mounts = " && ".join(f"mount -t tmpfs -o size=200k tmpfs {at}" for at in (target, temporary))
    found = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mounts} && exec "$@"',
         "sh", sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert "the disk is full" in found.stderr


def run(code: str, until: Callable[[], bool] | None = None) -> None:
    """In a process of its own; kill it with all it started as soon as it is so far."""
    code = f"from tests.development.test_set_up import *\n{code}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL
    )
    while process.poll() is None and until is not None:
        if until():
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.0005)
    process.wait(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "reached", ["pyvenv.cfg", "lib/*/site-packages/pip/__init__.py", "lib/*/*/pip/_vendor/*/*.py"]
)
def test_cut_off_while_the_environment_is_made(tmp_path: Path, reached: str) -> None:
    environment = Environment(tmp_path / "environment")
    code = f"Environment(Path({str(environment.directory)!r})).make()"
    run(code, until=lambda: any(environment.directory.glob(reached)))
    assert not imports_all(environment, "pip._internal.cli.main")
    environment.make()
    assert imports_all(environment, "pip._internal.cli.main", "scripts")


@pytest.mark.slow
def test_cut_off_at_ten_points(made: Environment, tmp_path: Path) -> None:
    """What pip left is found and made whole, whether it says so of itself or not."""
    for name in PACKAGES:
        wheel(tmp_path, name, FILES)
    last = [f"{name}.m{FILES - 1}" for name in PACKAGES]
    code = (
        f"install(Environment(Path({str(made.directory)!r})), Path({str(tmp_path)!r}), *PACKAGES)"
    )
    installed = len(PACKAGES) * FILES
    for tenth in range(10):
        for name in PACKAGES:
            for path in made.site_packages.glob(f"{name}*"):
                shutil.rmtree(path)
        run(code, until=lambda so_far=installed * tenth // 10: count(made) > so_far)
        made.make()
        install(made, tmp_path, *PACKAGES)
        assert imports_all(made, *last)
        assert made.unfinished() == []


def count(environment: Environment) -> int:
    folders = (environment.site_packages / name for name in PACKAGES)
    return sum(len(list(folder.iterdir())) for folder in folders if folder.exists())


@pytest.mark.parametrize("harm", ["missing", "shortened", "unlisted"])
def test_a_harmed_package_is_installed_again(made: Environment, tmp_path: Path, harm: str) -> None:
    wheel(tmp_path, "harmed", FILES)
    install(made, tmp_path, "harmed")
    match harm:
        case "missing":
            (made.site_packages / "harmed" / "m0.py").unlink()
        case "shortened":
            os.truncate(made.site_packages / "harmed" / "m0.py", 5)
        case _:
            (made.site_packages / "harmed-1.0.dist-info" / "RECORD").unlink()
    assert [path.name for path in made.unfinished()] == ["harmed-1.0.dist-info"]
    made.make()
    install(made, tmp_path, "harmed")
    assert made.unfinished() == []
    assert imports_all(made, "harmed.m0")


def test_two_at_once(tmp_path: Path) -> None:
    with set_up.alone(), pytest.raises(set_up.Refused, match="wait for it"), set_up.alone():
        pass
    with set_up.alone():
        pass


def test_too_little_room(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free / 1e6
    set_up.check_disk(tmp_path / "new", free - 100)
    with pytest.raises(set_up.Refused, match="free some"):
        set_up.check_disk(tmp_path / "new", free + 1000)


def test_it_is_said_once_which_pythons_will_do() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (first, last) = PYTHONS
    assert project["requires-python"] == f">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"
