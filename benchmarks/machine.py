"""Which machine this is, and of which kind its processor is."""

import json
import os
import platform
import subprocess
from typing import Any

import psutil

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
# AMD's generations by family and the models from which on (Linux, arch/x86/kernel/cpu/amd.c).
ZEN = {
    "23": {0x00: "zen", 0x30: "zen2"},
    "25": {0x00: "zen3", 0x10: "zen4", 0x20: "zen3", 0x60: "zen4"},
    "26": {0x00: "zen5"},
}


def machine() -> dict[str, Any]:
    lscpu = subprocess.run(
        ["lscpu", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"LC_ALL": "C"},  # it translates the fields' names
    )
    fields = {row["field"].rstrip(":"): row["data"] for row in json.loads(lscpu.stdout)["lscpu"]}
    flags = set(fields.get("Flags", "").split())
    return {
        "processor": fields.get("Model name", platform.processor()),
        "vendor": fields.get("Vendor ID", platform.machine()),
        "family": f"{fields.get('CPU family')}/{fields.get('Model')}",
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "memory": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def has_vnni(machine: dict[str, Any]) -> bool:
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(machine["instructions"])


def family(machine: dict[str, Any]) -> str:
    """zen3, or what it says of itself where that is no family we know."""
    vendor = machine.get("vendor", "AuthenticAMD")  # results from before it was recorded
    number, _, model = machine["family"].partition("/")
    if vendor == "AuthenticAMD" and number in ZEN:
        return [name for first, name in ZEN[number].items() if first <= int(model)][-1]
    return f"{vendor}-{machine['family']}".replace("/", "-").lower()


def kind(machine: dict[str, Any]) -> str:
    """zen3-avx2: the folder in docs/performance with results of this kind of processor."""
    if has_vnni(machine):
        return f"{family(machine)}-vnni"
    wide = [name for name in ("avx512f", "avx2") if name in machine["instructions"]]
    return "-".join([family(machine), *wide[:1]])
