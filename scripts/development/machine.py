"""A minimal Debian that has nothing yet, in namespaces of its own: needs root.

What a user of a network like this machine's would be told is taken over from it: how apt and pip
reach their indexes, certificates, proxies.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "resnet18-fresh-machine")
USER, UID = "fresh", 1000
HOME = Path("/home", USER)
TOOLS = {
    "apt-get": "apt",
    "debootstrap": "debootstrap",
    "git": "git",
    **dict.fromkeys(("nsenter", "pivot_root", "unshare"), "util-linux"),
}
BASE_AGE = 30 * 86_400  # s; then a base is made anew
BOOTSTRAP, ENTER, PACKAGES = 1800.0, 30.0, 1800.0  # seconds, of slow networks

CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
# Where they are there, with what is in them.
TAKEN_OVER = [CERTIFICATES, *map(Path, ("usr/local/share/ca-certificates", "etc/pip.conf"))]
TAKEN_OVER += map(Path, ("etc/xdg/pip", "etc/resolv.conf", "etc/hosts"))
VARIABLES = re.compile(
    r"PIP_(?!CACHE_DIR).+|SSL_CERT_(FILE|DIR)|(REQUESTS_CA|CURL_CA)_BUNDLE|TORCH_INDEX"
    r"|(?i:(http|https|no|all)_proxy)"
)

# The machine's first process. It reaps what is orphaned, and ends with whoever holds its input;
# the kernel then ends all others. $1: the tree; then pairs of folders to show, read-only but for
# the first. As the machine's root the tree may make further namespaces, which a chroot may not.
INIT = """
set -eu
exec 3<&0
tree=$1; shift
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs -o mode=1777 shm "$tree/dev/shm"
mount --rbind /sys "$tree/sys"
options=rw
while [ $# -gt 0 ]; do
  mkdir -p "$tree$2"
  mount --bind "$1" "$tree$2"
  mount -o "remount,bind,$options" "$tree$2"
  options=ro
  shift 2
done
cd "$tree"
pivot_root . mnt
umount -l /mnt
echo entered
cat <&3 >/dev/null &
wait
"""


class Failed(Exception):
    """A step failed; the argument is a sentence."""


@dataclass(frozen=True)
class Machine:
    """One that runs."""

    tree: Path
    namespaces: Path  # /proc/PID/ns of the process that made them
    log: TextIO

    def command(self, *words: str, root: bool = False) -> list[str]:
        inside = [f"--mount={self.namespaces / 'mnt'}"]
        inside.append(f"--pid={self.namespaces / 'pid_for_children'}")
        user = [] if root else [f"--setuid={UID}", f"--setgid={UID}"]
        return ["nsenter", *inside, *user, "--", *words]

    def environment(self, root: bool = False) -> dict[str, str]:
        """Of a session that has just begun, in a locale nobody has chosen."""
        path = "/usr/local/bin:/usr/bin:/bin"
        taken = {name: text for name, text in os.environ.items() if VARIABLES.fullmatch(name)}
        if root:
            return {"PATH": f"/usr/sbin:/sbin:{path}", "DEBIAN_FRONTEND": "noninteractive"} | taken
        return {"PATH": path, "HOME": str(HOME), "USER": USER, "TERM": "dumb"} | taken

    def run(self, *words: str, bound: float, root: bool = False) -> str:
        """What it printed. Raises Failed."""
        self.log.write(f"$ {' '.join(words)}\n")
        self.log.flush()
        begin = self.log.tell()
        try:
            done = subprocess.run(
                self.command(*words, root=root),
                env=self.environment(root),
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=subprocess.STDOUT,
                timeout=bound,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"it did not end within {bound:.0f} s") from None
        if done.returncode:
            raise Failed(f"it ended with status {done.returncode}")
        return self.printed(begin)

    def printed(self, begin: int = 0) -> str:
        with Path(self.log.name).open(encoding="utf-8", errors="replace") as text:
            text.seek(begin)
            return text.read()


def missing_tools() -> list[str]:
    """Debian packages."""
    return sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})


def debian_mirror() -> str:
    """That of this machine's own apt. Raises Failed."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian", "Label: Debian"]
    sites = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.split()
    if not sites:
        raise Failed("this machine's apt knows no mirror of Debian: name one with --mirror URL")
    return sites[0]


def base(suite: str, mirror: str, log: TextIO) -> Path:
    """The packed tree, made where there is none of late. Raises Failed."""
    packed = CACHE / f"{suite}.tar"
    if packed.exists() and time.time() - packed.stat().st_mtime < BASE_AGE:
        return packed
    tree, partial = CACHE / f"{suite}.base", packed.with_suffix(".partial")
    shutil.rmtree(tree, ignore_errors=True)
    commands = [
        ["debootstrap", "--variant=minbase", suite, str(tree), mirror],
        ["tar", "--numeric-owner", "-C", str(tree), "-cf", str(partial), "."],
    ]
    try:
        for command in commands:
            subprocess.run(
                command, check=True, timeout=BOOTSTRAP, stdout=log, stderr=subprocess.STDOUT
            )
    except subprocess.SubprocessError as error:
        raise Failed(f"Debian {suite} could not be made from {mirror}: {error}") from None
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return partial.rename(packed)


@contextmanager
def started(tree: Path, beside: Mapping[Path, Path], log: TextIO) -> Iterator[Machine]:
    """A machine of that tree, until the block ends or we do.

    beside: folders of this machine, and where that one shows them, read-only. Raises Failed.
    """
    cache = CACHE / "pip"  # pip's of its user: nothing is fetched twice
    cache.mkdir(exist_ok=True)
    os.chown(cache, UID, UID)
    pairs = {cache: HOME / ".cache" / "pip", **beside}
    folders = [str(folder) for pair in pairs.items() for folder in pair]
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"]
    with subprocess.Popen(
        [*namespaces, "sh", "-c", INIT, "init", str(tree), *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    ) as init:
        try:
            assert init.stdout
            if init.stdout.readline() != "entered\n":
                raise Failed("its namespaces could not be made")
            machine = Machine(tree, Path("/proc", str(init.pid), "ns"), log)
            yield machine
        finally:
            init.kill()


def take_over(tree: Path) -> None:
    """From this machine: how the network is reached."""
    places = {Path("/", path): Path("/", path) for path in TAKEN_OVER}
    places |= {
        Path.home() / path: HOME / path for path in (".config/pip/pip.conf", ".pip/pip.conf")
    }
    for source, place in places.items():
        target = tree / place.relative_to("/")
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    apt = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True)
    reached = re.findall(r"^Acquire::(?:https?|Check)\b.*;$", apt.stdout, re.MULTILINE)
    Path(tree, "etc/apt/apt.conf.d/90machine").write_text("\n".join([*reached, ""]))


def make_user(tree: Path) -> None:
    """What is in the home there becomes the user's."""
    home = f"--home-dir {HOME} --shell /bin/bash"
    script = f"useradd --uid {UID} {home} {USER}; mkdir -p {HOME}/.cache; chown -R {USER}: {HOME}"
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = ["chroot", str(tree), "sh", "-ec", script]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)


def local_indexes() -> dict[Path, Path]:
    """Folders of this machine in which its pip looks for packages, to be shown at their place."""
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True
    )
    found = set()
    for option, values in re.findall(r"^\S*\.([\w-]+)='(.*)'$", pip.stdout, re.MULTILINE):
        for value in values.split():
            folder = Path(value.removeprefix("file://"))
            if folder.is_absolute() and folder.is_dir():
                # An index names files that lie beside it.
                found.add(folder.parent if option.endswith("index-url") else folder)
    return {folder: folder for folder in sorted(found)}
