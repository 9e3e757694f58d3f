"""What the processor and its kernel must have, and what makes answers quick."""

import platform
from pathlib import Path
from typing import NamedTuple

# x86-64-v2, in /proc/cpuinfo's words: numpy, OpenVINO and PyTorch are built for it. On anything
# less importing them ends with an illegal instruction.
NEEDED = {"cx16", "lahf_lm", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3"}
QUICK = {"avx2", "fma"}
# Envoy's allocator asks for addresses of that many bits. Of ARM's kernels some give less.
ADDRESS_BITS = 46


class Processor(NamedTuple):
    machine: str  # as `uname -m` has it
    flags: set[str]  # of x86-64; empty where the kernel, or a sandbox, does not say
    address_bits: int  # of a process's own addresses

    @property
    def lack(self) -> str | None:
        """The sentence that says why the service can't run here, if it can't."""
        match self.machine:
            case "x86_64" if self.flags and not self.flags >= NEEDED:
                missing = ", ".join(sorted(NEEDED - self.flags))
                return (
                    f"this processor lacks instructions that are needed ({missing}). Processors "
                    "since 2011 have them; give a virtual machine its host's processor type"
                )
            case "aarch64" if self.address_bits < ADDRESS_BITS:
                return (
                    f"this kernel gives a process addresses of {self.address_bits} bits, and the "
                    f"gateway (Envoy) needs {ADDRESS_BITS}: use one with CONFIG_ARM64_VA_BITS=48, "
                    "as Debian's and Ubuntu's have"
                )
            case "x86_64" | "aarch64":
                return None
        return f"this needs an x86-64 or 64-bit ARM processor, and here is {self.machine}"

    @property
    def slowness(self) -> str | None:
        """The sentence that says why answers take longer here, if they do."""
        if self.machine != "x86_64" or not self.flags or self.flags >= QUICK:
            return None
        return "This processor has no AVX2: the network takes two to three times as long"


def here() -> Processor:
    return Processor(
        platform.machine(),
        flags(_read("/proc/cpuinfo")),
        address_bits(_read("/proc/self/maps")),
    )


def flags(cpuinfo: str) -> set[str]:
    """The first core's."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((set(value.split()) for name, _, value in lines if name.strip() == "flags"), set())


def address_bits(maps: str) -> int:
    """Of the highest address in use: the stack's, which lies below the limit."""
    ends = [int(line.split()[0].partition("-")[2], 16) for line in maps.splitlines()]
    return max(ends, default=1 << 63).bit_length()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
