"""Keep what was measured here as the block of this kind of processor, in docs/performance.

What make bench, make bench-quick, benchmarks.growth and benchmarks.profile have left in
benchmarks/results replaces what the block had of it.
"""

import argparse
import json
import shutil
import sys

from benchmarks.machine import kind, machine
from scripts import ROOT

RESULTS = ROOT / "benchmarks" / "results"
BLOCKS = ROOT / "docs" / "performance"
# Others write there, too: the soak, whose page is docs/reliability.md, and runs not yet over.
PLOTS = {"latency", "picture_size", "cores"}
PARTS = {"results", "quick", "growth", "flame-int8", "flame-fp32"} | PLOTS


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    block = BLOCKS / kind(machine())
    files = [
        path
        for path in sorted(RESULTS.glob("*"))
        if path.stem in PARTS and path.suffix != ".partial"
    ]
    if not files:
        print(f"There is nothing to keep in {RESULTS}: make bench-quick first", file=sys.stderr)
        return 1
    for path in files:
        if (
            path.suffix == ".json"
            and kind(of := json.loads(path.read_text())["machine"]) != block.name
        ):
            print(f"{path} is of another processor, {kind(of)}: remove it", file=sys.stderr)
            return 1
    block.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy(path, block)
        print((block / path.name).relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
