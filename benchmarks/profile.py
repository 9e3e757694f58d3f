"""Flame graphs of the worker at 20 connections, for int8 and fp32: flame-int8.svg, flame-fp32.svg.

py-spy looks at every thread that runs Python, and at the libraries below it. Threads of OpenVINO's
and OpenMP's own, which share the network's work, are not in them. It wants to be root, or a kernel
that lets one look at one's own processes (kernel.yama.ptrace_scope 0).
"""

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import inputs, servers
from benchmarks.inputs import PRECISIONS
from benchmarks.load import drive
from benchmarks.machine import kind, machine
from benchmarks.measure import warm_up
from benchmarks.processes import role, tree

AROUND = 3  # seconds of load more than are looked at: py-spy reads the libraries' symbols first
RATE = 50  # looks a second: each stops the worker for some ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    inputs.add_arguments(parser)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--only", choices=PRECISIONS)
    options = parser.parse_args()
    with inputs.prepared(options) as found:
        for precision in [options.only] if options.only else PRECISIONS:
            output = options.output / f"flame-{precision}.svg"
            with (
                servers.ours(found.archives[precision]) as running,
                ThreadPoolExecutor(1) as pool,
            ):
                warm_up(running, found.pictures)
                worker = next(
                    one for one in tree(running.pid) if role(one, running.pid) == "worker"
                )
                door, seconds = running.doors["gateway"], options.seconds + AROUND
                load = pool.submit(drive, door, 20, seconds, found.pictures)
                looked = subprocess.run(record(worker.pid, options.seconds, output))
                if looked.returncode:
                    return 1  # py-spy has said why
                entitle(output, f"The worker at {precision}, 20 connections, {kind(machine())}")
                print(f"{output}: {load.result().throughput:.1f} pictures a second meanwhile")
    return 0


def record(pid: int, seconds: int, output: Path) -> list[str]:
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--native"]
    command += ["--pid", str(pid), "--duration", str(seconds), "--rate", str(RATE)]
    return [*command, "--format", "flamegraph", "--output", str(output)]


def entitle(graph: Path, title: str) -> None:
    """py-spy's own title is its command."""
    text = graph.read_text("utf-8")
    graph.write_text(re.sub(r">[^<]*py-spy record[^<]*<", f">{title}<", text, count=1), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
