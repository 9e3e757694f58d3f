"""The ratios that count, in six minutes: beside Triton, and beside the bare processor.

What is compared takes turns, in rounds; what would take CPU while it is idle is paused meanwhile.
Ends with status 1 where a required ratio is missed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

from benchmarks import bare, inputs, servers
from benchmarks.bare import Bare
from benchmarks.inputs import Inputs
from benchmarks.machine import kind, machine
from benchmarks.measure import awake, measure, paused, warm_up
from benchmarks.report import cpu_table
from benchmarks.rivals.triton import environment as triton_environment
from benchmarks.servers import Running
from benchmarks.verdict import against_bare, against_triton, table

ROUNDS = 3
# Seconds of a load, and how often. At 75 pictures a second each of 256 connections has had two
# answers by then, and each of 1,000 one and a half.
CROWDS = {256: (7, 2), 1000: (18, 1)}
AT_20, LONE = 7, 3
BARE, BARE_LONE = 4, 2

Step = tuple[str, Callable[[], None]]
Starting = AbstractContextManager[Running]


class Quick:
    def __init__(self, inputs: Inputs, progress: Any) -> None:
        self.inputs, self.progress = inputs, progress
        # As benchmarks.run has them.
        self.results: dict[str, Any] = {
            "machine": machine(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "runs": [],
            "bare": [{name: {} for name in inputs.unpacked} for _ in range(ROUNDS)],
        }

    def run(self) -> None:
        archives = self.inputs.archives
        with ExitStack() as others:
            pair = [self.start(others, servers.ours(archives["int8"], "ours int8"))]
            if triton_environment.is_ready():
                pair.append(self.start(others, servers.triton(self.inputs)))
            # First, while there is nobody else to share memory with.
            self.take(self.crowds(pair))
            self.progress.set_postfix_str("bare loop's fastest way")
            self.touch(pair)
            with Bare(self.inputs.unpacked, self.inputs.pictures, self.inputs.cores) as loop:
                self.results["ways"] = {name: way._asdict() for name, way in loop.ways.items()}
                self.touch(pair)
                rivals = (servers.litserve(self.inputs), servers.flask(self.inputs))
                started = [self.start(others, each) for each in rivals]
                for running in pair:  # as lately as the others
                    with awake(running):
                        warm_up(running, self.inputs.pictures)
                self.rounds("int8", [*pair, *started], loop)
                others.close()
                with ExitStack() as stack:
                    fp32 = servers.ours(archives["fp32"], "ours fp32")
                    self.rounds("fp32", [self.start(stack, fp32)], loop)

    def start(self, stack: ExitStack, starting: Starting) -> Running:
        self.progress.set_postfix_str("start")
        running = stack.enter_context(starting)
        warm_up(running, self.inputs.pictures)
        stack.enter_context(paused(running))
        return running

    def touch(self, paused: list[Running]) -> None:
        """Let them see that they work; after long without, ours restarts what it has to."""
        for running in paused:
            with awake(running):
                pass

    def take(self, steps: Iterable[Step]) -> None:
        for label, step in steps:
            self.progress.set_postfix_str(label)
            step()
            self.progress.update()

    def crowds(self, pair: list[Running]) -> Iterator[Step]:
        for running in pair:
            yield self.load(running, 20, AT_20, 0)
        for connections, (seconds, times) in CROWDS.items():
            for number in range(1, times + 1):
                for running in pair[:: 1 if number % 2 else -1]:
                    yield self.load(running, connections, seconds, number)

    def rounds(self, precision: str, started: list[Running], loop: Bare) -> None:
        """Every other one backwards: a machine that slows down does so for all."""
        for number in range(1, ROUNDS + 1):
            steps = [
                *(self.load(running, 20, AT_20, number) for running in started),
                self.bare_loop(precision, loop, number),
                self.lone_bare_loop(precision, loop, number),
                # The demos are compared at 20 connections alone.
                *(self.load(running, 1, LONE, number) for running in started[:2]),
            ]
            self.take(steps if number % 2 else steps[::-1])

    def load(self, running: Running, connections: int, seconds: int, number: int) -> Step:
        def step() -> None:
            way = next(iter(running.doors))
            with awake(running):
                run = measure(running, way, connections, seconds, self.inputs.pictures)
            self.results["runs"].append({"round": number, **run})

        return f"{running.name}, {connections} connections", step

    def bare_loop(self, precision: str, loop: Bare, number: int) -> Step:
        def step() -> None:
            speed = loop.throughput(precision, BARE)
            self.results["bare"][number - 1][precision] |= speed._asdict()

        return f"bare loop {precision}", step

    def lone_bare_loop(self, precision: str, loop: Bare, number: int) -> Step:
        def step() -> None:
            lone = loop.lone(precision, BARE_LONE)
            self.results["bare"][number - 1][precision]["lone_ms"] = lone

        return f"bare loop {precision}, alone", step


def markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"{machine['processor']} ({kind(machine)}), {machine['cores']} cores; {results['when']}.",
        "Medians of the rounds, with the lowest and the highest in brackets.",
    ]
    for rows, other in ((against_triton(results), "Triton"), (against_bare(results), "other")):
        lines += ["", *table(rows, other)] if rows else []
    lines += ["", *cpu_table(results)]
    ways = [
        f"{name} {way['engine']}, {way['batch']} at once" for name, way in results["ways"].items()
    ]
    lines += ["", f"The bare loop at its fastest: {'; '.join(ways)}."]
    lines += [f"{results['minutes']:.1f} minutes."]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    inputs.add_arguments(parser)
    options = parser.parse_args()
    if not triton_environment.is_ready():
        print(triton_environment.NOT_READY)
    start = time.monotonic()
    with inputs.prepared(options) as found, tqdm(desc="bench-quick", unit="step") as progress:
        bare.add_exact_engines(found.unpacked["fp32"], found.weights)
        quick = Quick(found, progress)
        quick.run()
    results = quick.results
    results["minutes"] = (time.monotonic() - start) / 60
    (options.output / "quick.json").write_text(json.dumps(results, indent=1) + "\n")
    text = markdown(results)
    (options.output / "quick.md").write_text(text, "utf-8")
    print(text)
    return int(not all(row.passes for row in against_triton(results) + against_bare(results)))


if __name__ == "__main__":
    sys.exit(main())
