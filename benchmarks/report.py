"""results.json as Markdown tables."""

import statistics
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.comparison import BareSide, Results, Side, ratios, spread

Run = dict[str, Any]
# Of the processes of all servers, and what is left of the cores' time.
ROLES = ("worker", "TorchServe", "Triton", "gateway", "supervisor", "load generator", "idle")


def markdown(results: Results) -> str:
    machine = results["machine"]
    note = f", {results['note']}" if "note" in results else ""
    columns = ["what", "connections", "pictures/s", "p50 ms", "p95", "p99", "slowest", "refused"]
    columns += ["failed", "CPU ms/picture", "PSS MB", "start s"]
    lines = [
        "Processor: {processor}, {cores} cores, {instructions}.".format(
            **machine | {"instructions": ", ".join(machine["instructions"])}
        ),
        f"Weights: {results['weights']['file']}. {results['when'][:10]}{note}.",
        f"{len(results['bare'])} rounds, each with freshly started servers: medians, with the",
        "lowest and highest round in brackets.",
        "",
        f"| {' | '.join(columns)} |",
        f"| --- |{' --: |' * (len(columns) - 1)}",
    ]
    for (target, door, connections), runs in grouped(results["runs"]).items():
        cells = [
            f"{target}, {door}",
            str(connections),
            spread([run["throughput"] for run in runs]),
            *(f"{median(runs, name):.1f}" for name in ("p50", "p95", "p99")),
            f"{max(run['max'] for run in runs):.0f}",
            str(sum(run["refused"] for run in runs)),
            str(sum(run["broken"] for run in runs)),
            f"{median(runs, 'cpu_ms'):.1f}",
            f"{median(runs, 'pss') / 1e6:.0f}",
            f"{median(runs, 'start_seconds'):.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *bare_table(results), "", *cpu_table(results)]
    lines += ["", "| ratio within the same round | median (lowest-highest) |", "| --- | --: |"]
    found = {title: ratios(results, *sides) for title, sides in _comparisons()}
    lines += [f"| {name} | {spread(values, 2)} |" for name, values in found.items() if values]
    lines += ["", *preprocessing_table(results["preprocessing"]), ""]
    return "\n".join(lines)


def bare_table(results: Results) -> Iterator[str]:
    yield "| bare loop, Pillow | all cores, pictures/s | one core | single picture, ms |"
    yield "| --- | --: | --: | --: |"
    for precision in results["bare"][0]:
        loops = [each[precision] for each in results["bare"]]
        names = [*dict.fromkeys(loop.get("engine", "") for loop in loops)]
        engine = f" ({' or '.join(names)})" if any(names) else ""
        cells = [
            spread([loop[name] for loop in loops])
            for name in ("throughput", "throughput_1_core", "lone_ms")
        ]
        yield f"| {precision}{engine} | {' | '.join(cells)} |"


def cpu_table(results: Results) -> Iterator[str]:
    """What the cores did for each picture; nothing for results that do not say."""
    rows = {
        f"{target}, {door}": [run["cpu"] for run in runs]
        for (target, door, connections), runs in grouped(results["runs"]).items()
        if connections == 20 and "cpu" in runs[0]
    }
    if not rows:
        return
    for precision in results["bare"][0]:
        loops = [{"worker": each[precision]["cpu_ms"]} for each in results["bare"]]
        rows[f"bare loop {precision}"] = loops
    yield "Milliseconds of the cores a picture, at 20 connections:"
    yield ""
    yield f"| | {' | '.join(ROLES)} | sum |"
    yield f"| --- |{' --: |' * (len(ROLES) + 1)}"
    for name, tables in rows.items():
        medians = [statistics.median(table.get(role, 0.0) for table in tables) for role in ROLES]
        cells = [f"{ms:.2f}" if ms else "" for ms in (*medians, sum(medians))]
        yield f"| {name} | {' | '.join(cells)} |"


def _comparisons() -> Iterator[tuple[str, tuple[Side, Side | BareSide]]]:
    """Titles, and what is divided by what."""
    at_20 = {name: Side(f"ours {name}", 20, "throughput") for name in ("int8", "fp32")}
    for name, side in at_20.items():
        title = f"{name}, 20 connections, gateway, to the bare loop"
        yield title, (side, BareSide(name, "throughput"))
    for rival in ("triton int8", "litserve int8", "fastapi int8", "flask", "stock"):
        title = f"int8, 20 connections, to {rival}"
        yield title, (at_20["int8"], Side(rival, 20, "throughput"))
    yield "fp32, 20 connections, to flask", (at_20["fp32"], Side("flask", 20, "throughput"))
    slowest = Side("ours int8", 20, "max"), Side("flask", 20, "max")
    yield "int8, 20 connections, slowest answer to flask's", slowest
    for name in at_20:
        title = f"{name}, single-request p50 to a single picture in the bare loop"
        yield title, (Side(f"ours {name}", 1, "p50"), BareSide(name, "lone_ms"))
    lone = Side("ours int8", 1, "p50"), Side("triton int8", 1, "p50")
    yield "int8, single-request p50 to triton int8's", lone


def preprocessing_table(rows: list[dict[str, Any]]) -> list[str]:
    names = list(rows[0]["milliseconds"])
    lines = [
        "Milliseconds of one core until the network's input is ready; for Pillow, simplejpeg and",
        "OpenCV: decoding only. The last column is the mean distance from the exact result, in",
        "levels of 255.",
        "",
        f"| JPEG | MB | {' | '.join(names)} | int8 to torchvision | levels from exact |",
        f"| --- | --: |{' --: |' * (len(names) + 2)}",
    ]
    for row in rows:
        times = row["milliseconds"]
        cells = [f"{times[name]:.2f}" for name in names]
        width, height = row["size"]
        lines.append(
            f"| {width} x {height} | {row['bytes'] / 1e6:.2f} | {' | '.join(cells)} | "
            f"{times['ours int8'] / times['torchvision']:.2f} | "
            f"{row['mean_levels_from_exact']:.2f} |"
        )
    return lines


def grouped(runs: Iterable[Run]) -> dict[tuple[str, str, int], list[Run]]:
    groups: dict[tuple[str, str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((run["target"], run["door"], run["connections"]), []).append(run)
    return groups


def median(runs: list[Run], name: str) -> float:
    return statistics.median(float(run[name]) for run in runs)


def soak(results: dict[str, Any]) -> str:
    asked = sum(results["requests"].values())
    replaced = ", ".join(results["replaced"]) or "no process"
    lines = [
        f"{results['minutes']:g} minutes at {results['precision']}, {results['clients']} clients:",
        f"{asked:,} requests, {results['wrong_count']} answered incorrectly, {replaced} replaced.",
        "",
        "| | median | maximum | slope per hour | |",
        "| --- | --: | --: | --: | --- |",
    ]
    for name, each in results["trends"].items():
        lines.append(
            f"| {name} | {each['median']:,.0f} | {each['greatest']:,.0f} "
            f"| {each['slope per hour']:+,.1f} | {'rising' if each['rising'] else 'level'} |"
        )
    return "\n".join(lines) + "\n"


def growth(results: Results) -> str:
    lines = [f"{results['machine']['processor']}, {results['when'][:10]}."]
    for curve, runs in results["curves"].items():
        alone = " p50 ms alone |" if "p50 alone" in runs[0] else ""  # models side by side
        lines += [
            "",
            f"| {curve} | server | pictures/s | p50 ms | p99 ms | PSS MB | failed |{alone}",
        ]
        lines += ["| --: | --- |" + " --: |" * (6 if alone else 5)]
        lines += [
            f"| {run['x']:,} | {run['target']} | {run['throughput']:.1f} | {run['p50']:.1f} "
            f"| {run['p99']:.1f} | {run['pss'] / 1e6:.0f} | {run['refused'] + run['broken']} |"
            + (f" {run['p50 alone']:.1f} |" if alone else "")
            for run in runs
        ]
    return "\n".join(lines) + "\n"
