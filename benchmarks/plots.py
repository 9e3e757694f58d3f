"""results.json as plots."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.report import grouped, median

# Colour-blind safe (Okabe and Ito); one colour a server in every plot.
COLOURS = {
    "ours int8": "#0072B2",
    "ours fp32": "#56B4E9",
    "triton int8": "#000000",
    "litserve int8": "#D55E00",
    "fastapi int8": "#E69F00",
    "flask": "#009E73",
    "stock": "#CC79A7",
}


def soak(results: dict[str, Any], path: Path) -> None:
    """Memory of every process over time, and what else is counted."""
    figure, (memory, counts) = plt.subplots(
        2, 1, figsize=(7, 6), layout="constrained", sharex=True, height_ratios=(3, 2)
    )
    samples = results["samples"]
    minutes = [each["seconds"] / 60 for each in samples]
    roles = ("TorchServe", "worker", "gateway", "supervisor")
    bands = [[each["pss"].get(role, 0) / 1e6 for each in samples] for role in roles]
    memory.stackplot(
        minutes, bands, labels=roles, colors=("#0072B2", "#56B4E9", "#E69F00", "#999999")
    )
    memory.set(ylabel="PSS, MB", ylim=(0, None))
    memory.legend(fontsize="small", loc="lower right")
    for name, label in (("fds", "file descriptors"), ("threads", "threads")):
        counts.plot(minutes, [sum(each[name].values()) for each in samples], label=label)
    counts.plot(minutes, [each["log bytes"]["logs"] / 1e3 for each in samples], label="logs, kB")
    counts.set(xlabel="minutes", ylabel="all processes", ylim=(0, None))
    counts.legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write(results: dict[str, Any], directory: Path) -> None:
    latency(results, directory / "latency.png")
    picture_size(results, directory / "picture_size.png")
    cores(results, directory / "cores.png")


def growth(results: dict[str, Any], path: Path) -> None:
    """A row a curve: answers a second, and how long they take."""
    curves = results["curves"]
    figure, rows = plt.subplots(
        len(curves), 2, figsize=(9, 3 * len(curves)), layout="constrained", squeeze=False
    )
    for (rate, times), (curve, runs) in zip(rows, curves.items(), strict=True):
        for target in dict.fromkeys(run["target"] for run in runs):
            own = [run for run in runs if run["target"] == target]
            places = [run["x"] for run in own]
            look = {"color": COLOURS[target], "marker": "o", "markersize": 4}
            rate.plot(places, [run["throughput"] for run in own], label=target, **look)
            for name, style in (("p50", "-"), ("p99", ":")):
                label = f"{target}, {name}"
                times.plot(places, [run[name] for run in own], style, label=label, **look)
        rate.set(ylabel="pictures a second", ylim=(0, None))
        times.set(ylabel="milliseconds")
        if curve == "connections":
            times.set_yscale("log")
        else:
            times.set_ylim(0)
        ticks = sorted({run["x"] for run in runs})
        for axes in (rate, times):
            axes.set(xlabel=curve)
            if curve != "models":
                axes.set(xscale="log")
            axes.set_xticks(ticks, [human(tick) for tick in ticks], fontsize="x-small")
            axes.minorticks_off()
            axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def human(number: int) -> str:
    if number >= 1_000_000:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e3:.0f}k" if number >= 10_000 else str(number)


def latency(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    names = ("p50", "p95", "p99", "max")
    bars = [
        (target, runs)
        for (target, door, connections), runs in grouped(results["runs"]).items()
        if connections == 20 and (door == "gateway" or not target.startswith("ours"))
    ]
    for i, (target, runs) in enumerate(bars):
        heights = [median(runs, name) for name in names]
        places = [j + (i - len(bars) / 2 + 0.5) * 0.12 for j in range(len(names))]
        axes.bar(places, heights, 0.11, color=COLOURS.get(target), label=target)
    axes.set(ylabel="milliseconds at 20 connections", yscale="log")
    axes.set_xticks(range(len(names)), ["p50", "p95", "p99", "slowest"])
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def picture_size(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    rows = results["preprocessing"]
    megapixels = [row["size"][0] * row["size"][1] / 1e6 for row in rows]
    for name, style in (("torchvision", "s-"), ("Pillow, fused resize", "^-"), ("ours int8", "o-")):
        axes.plot(megapixels, [row["milliseconds"][name] for row in rows], style, label=name)
    axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="ms on one core")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def cores(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    count = results["machine"]["cores"]
    for precision, colour in (("int8", COLOURS["ours int8"]), ("fp32", COLOURS["ours fp32"])):
        loops = [each[precision] for each in results["bare"]]
        values = [
            statistics.median(loop[name] for loop in loops)
            for name in ("throughput_1_core", "throughput")
        ]
        axes.plot([1, count], values, "o--", color=colour, label=f"bare loop {precision}")
        served = [
            run["throughput"]
            for run in results["runs"]
            if (run["target"], run["door"]) == (f"ours {precision}", "gateway")
            and run["connections"] == 20
        ]
        served_1 = [run["throughput"] for run in results.get("one_core", {}).get(precision, [])]
        if served and served_1:
            ends = [statistics.median(served_1), statistics.median(served)]
            axes.plot([1, count], ends, "s-", color=colour, label=f"ours {precision}, gateway")
    axes.set(xlabel="cores", ylabel="pictures a second", ylim=(0, None), xticks=[1, count])
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)
