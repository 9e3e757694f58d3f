"""results.json as Markdown tables."""

import statistics
from collections.abc import Iterable, Iterator
from typing import Any

Side = tuple[str, int, str]  # target, connections, field

Run = dict[str, Any]


def markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    columns = ["what", "connections", "pictures/s", "p50 ms", "p95", "p99", "slowest", "refused"]
    columns += ["failed", "CPU ms/picture", "PSS MB", "start s"]
    lines = [
        "Processor: {processor}, {cores} cores, {instructions}.".format(
            **machine | {"instructions": ", ".join(machine["instructions"])}
        ),
        f"Weights: {results['weights']['file']}. {results['when'][:10]}.",
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
    lines += ["", "| bare loop, Pillow | all cores, pictures/s | one core | single picture, ms |"]
    lines += ["| --- | --: | --: | --: |"]
    for precision in results["bare"][0]:
        loops = [each[precision] for each in results["bare"]]
        cells = [
            spread([loop[name] for loop in loops])
            for name in ("throughput", "throughput_1_core", "lone_ms")
        ]
        lines.append(f"| {precision} | {' | '.join(cells)} |")
    lines += ["", "| ratio within the same round | median (lowest-highest) |", "| --- | --: |"]
    lines += [
        f"| {name} | {spread(values, 2)} |" for name, values in ratios(results).items() if values
    ]
    lines += ["", *preprocessing_table(results["preprocessing"]), ""]
    return "\n".join(lines)


def ratios(results: dict[str, Any]) -> dict[str, list[float]]:
    """Each compares two measurements of one round."""
    rounds = range(1, len(results["bare"]) + 1)
    runs = {
        (run["round"], run["target"], run["door"], run["connections"]): run
        for run in results["runs"]
    }

    def of(number: int, target: str, connections: int, field: str) -> float | None:
        door = "gateway" if target.startswith("ours") else "direct"
        run = runs.get((number, target, door, connections))
        return float(run[field]) if run else None

    def compare(one: Side, other: Side | tuple[str, str]) -> list[float]:
        values = []
        for number in rounds:
            upper = of(number, *one)
            lower = (
                of(number, *other)
                if len(other) == 3
                else float(results["bare"][number - 1][other[0]][other[1]])
            )
            if upper and lower:
                values.append(upper / lower)
        return values

    return {title: compare(*sides) for title, sides in _comparisons()}


def _comparisons() -> Iterator[tuple[str, tuple[Side, Side | tuple[str, str]]]]:
    """Titles, and what is divided by what; a side of the bare loop has no connections."""
    at_20 = {name: (f"ours {name}", 20, "throughput") for name in ("int8", "fp32")}
    for name, side in at_20.items():
        yield f"{name}, 20 connections, gateway, to the bare loop", (side, (name, "throughput"))
    for rival in ("flask", "stock", "litserve int8"):
        yield f"int8, 20 connections, to {rival}", (at_20["int8"], (rival, 20, "throughput"))
    yield "fp32, 20 connections, to flask", (at_20["fp32"], ("flask", 20, "throughput"))
    slowest = ("ours int8", 20, "max"), ("flask", 20, "max")
    yield "int8, 20 connections, slowest answer to flask's", slowest
    for name, side in at_20.items():
        title = f"{name}, single-request p50 to a single picture in the bare loop"
        yield title, ((f"ours {name}", 1, "p50"), (name, "lone_ms"))
        title = f"{name}, 256 connections to 20, successful answers"
        yield title, ((f"ours {name}", 256, "throughput"), side)


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


def spread(values: list[float], digits: int = 1) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


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
