"""results.json as a Markdown page and plots."""

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

Run = dict[str, Any]

# Colour-blind safe (Okabe and Ito); one colour a server in every plot.
COLOURS = {
    "ours int8": "#0072B2",
    "ours fp32": "#56B4E9",
    "litserve int8": "#D55E00",
    "flask": "#009E73",
    "stock": "#CC79A7",
}


def write(results: dict[str, Any], directory: Path) -> None:
    (directory / "results.md").write_text(markdown(results), "utf-8")
    plot_throughput(results, directory / "throughput.png")
    plot_latency(results, directory / "latency.png")
    plot_picture_size(results, directory / "picture_size.png")
    plot_cores(results, directory / "cores.png")


def markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"Processor: {machine['processor']}, {machine['cores']} cores, "
        f"{', '.join(machine['instructions'])}. Weights: {results['weights']['file']}. "
        f"{results['when'][:10]}, {len(results['bare'])} rounds of {results['seconds']} s, each with "
        "servers started anew: medians, in brackets the lowest and highest round.",
        "",
        "| what | connections | pictures/s | p50 ms | p95 | p99 | slowest | refused | broken "
        "| CPU ms/picture | PSS MB | start s |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
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
    lines += ["", "| bare loop, Pillow | all cores, pictures/s | one core | lone picture, ms |"]
    lines += ["| --- | --: | --: | --: |"]
    for precision in results["bare"][0]:
        loops = [each[precision] for each in results["bare"]]
        cells = [
            spread([loop[name] for loop in loops])
            for name in ("throughput", "throughput_1_core", "lone_ms")
        ]
        lines.append(f"| {precision} | {' | '.join(cells)} |")
    lines += ["", "| ratio, of the same round | median (lowest-highest) |", "| --- | --: |"]
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

    def compare(
        one: tuple[str, int, str], other: tuple[str, int, str] | tuple[str, str]
    ) -> list[float]:
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

    table = {}
    for name in ("int8", "fp32"):
        table[f"{name}, 20 connections, gateway, to the bare loop"] = compare(
            (f"ours {name}", 20, "throughput"), (name, "throughput")
        )
    for rival in ("flask", "stock", "litserve int8"):
        table[f"int8, 20 connections, to {rival}"] = compare(
            ("ours int8", 20, "throughput"), (rival, 20, "throughput")
        )
    table["fp32, 20 connections, to flask"] = compare(
        ("ours fp32", 20, "throughput"), ("flask", 20, "throughput")
    )
    table["int8, 20 connections, slowest answer to flask's"] = compare(
        ("ours int8", 20, "max"), ("flask", 20, "max")
    )
    for name in ("int8", "fp32"):
        table[f"{name}, a lone request's p50 to the bare lone picture"] = compare(
            (f"ours {name}", 1, "p50"), (name, "lone_ms")
        )
        table[f"{name}, 256 connections to 20, good answers"] = compare(
            (f"ours {name}", 256, "throughput"), (f"ours {name}", 20, "throughput")
        )
    return table


def preprocessing_table(rows: list[dict[str, Any]]) -> list[str]:
    names = list(rows[0]["milliseconds"])
    lines = [
        f"| JPEG | MB | {' | '.join(names)} | ours to torchvision | levels from exact |",
        f"| --- | --: |{' --: |' * (len(names) + 2)}",
    ]
    for row in rows:
        times = row["milliseconds"]
        cells = [f"{times[name]:.2f}" for name in names]
        width, height = row["size"]
        lines.append(
            f"| {width} x {height} | {row['bytes'] / 1e6:.2f} | {' | '.join(cells)} | "
            f"{times['ours'] / times['torchvision']:.2f} | {row['mean_levels_from_exact']:.2f} |"
        )
    return lines


def plot_throughput(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for target, colour in COLOURS.items():
        door = "gateway" if target.startswith("ours") else "direct"
        points = {
            connections: [run["throughput"] for run in runs]
            for (name, way, connections), runs in grouped(results["runs"]).items()
            if (name, way) == (target, door)
        }
        if not points:
            continue
        middle = [statistics.median(values) for values in points.values()]
        low = [m - min(values) for m, values in zip(middle, points.values(), strict=True)]
        high = [max(values) - m for m, values in zip(middle, points.values(), strict=True)]
        axes.errorbar(
            list(points), middle, [low, high], color=colour, marker="o", capsize=3, label=target
        )
    for precision, style in (("int8", "--"), ("fp32", ":")):
        bare = statistics.median(each[precision]["throughput"] for each in results["bare"])
        axes.axhline(bare, color="grey", linestyle=style, label=f"bare loop {precision}")
    axes.set(xscale="log", xlabel="connections", ylabel="pictures a second", ylim=(0, None))
    ticks = sorted({run["connections"] for run in results["runs"]})
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_latency(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    names = ("p50", "p95", "p99", "max")
    bars = [
        (target, runs)
        for (target, door, connections), runs in grouped(results["runs"]).items()
        if connections == 20 and (door == "gateway" or not target.startswith("ours"))
    ]
    for i, (target, runs) in enumerate(bars):
        heights = [median(runs, name) for name in names]
        places = [j + (i - len(bars) / 2 + 0.5) * 0.16 for j in range(len(names))]
        axes.bar(places, heights, 0.15, color=COLOURS.get(target), label=target)
    axes.set(ylabel="milliseconds at 20 connections", yscale="log")
    axes.set_xticks(range(len(names)), ["p50", "p95", "p99", "slowest"])
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_picture_size(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    rows = results["preprocessing"]
    megapixels = [row["size"][0] * row["size"][1] / 1e6 for row in rows]
    for name, style in (("torchvision", "s-"), ("Pillow, fused resize", "^-"), ("ours", "o-")):
        axes.plot(megapixels, [row["milliseconds"][name] for row in rows], style, label=name)
    axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="ms on one core")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_cores(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    cores = results["machine"]["cores"]
    for precision, colour in (("int8", COLOURS["ours int8"]), ("fp32", COLOURS["ours fp32"])):
        loops = [each[precision] for each in results["bare"]]
        values = [
            statistics.median(loop[name] for loop in loops)
            for name in ("throughput_1_core", "throughput")
        ]
        axes.plot([1, cores], values, "o--", color=colour, label=f"bare loop {precision}")
        served = [
            run["throughput"]
            for run in results["runs"]
            if (run["target"], run["door"]) == (f"ours {precision}", "gateway")
            and run["connections"] == 20
        ]
        served_1 = [run["throughput"] for run in results.get("one_core", {}).get(precision, [])]
        if served and served_1:
            ends = [statistics.median(served_1), statistics.median(served)]
            axes.plot([1, cores], ends, "s-", color=colour, label=f"ours {precision}, gateway")
    axes.set(xlabel="cores", ylabel="pictures a second", ylim=(0, None), xticks=[1, cores])
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


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
