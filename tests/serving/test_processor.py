"""What the processor must have: /proc as Linux shows it on other machines."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.serving.processor import Processor, address_bits, flags, here

CORE_2 = "fpu sse sse2 ht syscall nx lm pni ssse3 cx16 lahf_lm"  # 2006
NEHALEM = f"{CORE_2} sse4_1 sse4_2 popcnt"  # 2008
SANDY_BRIDGE = f"{NEHALEM} avx"  # 2011
HASWELL = f"{SANDY_BRIDGE} avx2 fma"  # 2013
# The stack of a process, the highest of its addresses.
RASPBERRY_PI_OS = "7fc8f5d000-7fc8f7e000 rw-p 00000000 00:00 0   [stack]"
DEBIAN = "ffffe7f1d000-ffffe7f3e000 rw-p 00000000 00:00 0   [stack]"


def x86(names: str) -> Processor:
    return Processor("x86_64", flags(f"processor\t: 0\nflags\t\t: {names}\nbogomips\t: 1"), 64)


def test_a_processor_without_what_numpy_needs() -> None:
    lack = x86(CORE_2).lack
    assert lack
    assert "lacks instructions that are needed (popcnt, sse4_1, sse4_2)" in lack


@pytest.mark.parametrize(
    ("names", "is_slow"), [(NEHALEM, True), (SANDY_BRIDGE, True), (HASWELL, False), ("", False)]
)
def test_slow_ones_run(names: str, is_slow: bool) -> None:
    assert x86(names).lack is None
    assert (x86(names).slowness is not None) == is_slow


@pytest.mark.parametrize(("maps", "bits"), [(RASPBERRY_PI_OS, 39), (DEBIAN, 48)])
def test_kernels_of_arm(maps: str, bits: int) -> None:
    """An address space of 39 bits ends Envoy: tests below run it so where an emulator can."""
    processor = Processor("aarch64", set(), address_bits(maps))
    assert processor.address_bits == bits
    assert (processor.lack is not None) == (bits == 39)
    assert processor.slowness is None


@pytest.mark.parametrize("machine", ["riscv64", "i686", "armv7l"])
def test_other_processors(machine: str) -> None:
    assert f"here is {machine}" in (Processor(machine, set(), 48).lack or "")


def test_this_one() -> None:
    assert here().lack is None
    assert here().machine == platform.machine()


def test_a_start_refuses(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags : {CORE_2}\n")
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if platform.machine() != "x86_64" or subprocess.run([*unshare, "true"]).returncode:
        pytest.skip("needs x86-64 and a namespace in which another /proc/cpuinfo can be mounted")
    mounted = [*unshare, "sh", "-ec", 'mount --bind "$0" /proc/cpuinfo; exec "$@"']
    start = [sys.executable, "-m", "scripts.service", "start", "--archive", archive]
    done = subprocess.run(
        [*mounted, tmp_path / "cpuinfo", *start, "--run-directory", tmp_path / "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("start: this processor lacks instructions that are needed")
    assert done.stderr.count("\n") == 1
