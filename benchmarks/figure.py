"""Draws a run's front, with all that was tried, as a picture: ``python benchmarks/figure.py RUN -o docs/front.png``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from parefront.search.runs.run import Run

INK, FRONT, TRIED = "#22303c", "#d1495b", "#9fb3c8"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/front.png"))
    parser.add_argument("--results", type=Path, help="a results file, for the point of plain int8")
    parser.add_argument("--title", default="")
    arguments = parser.parse_args()
    run = Run.open(arguments.run)
    figure, axes = plt.subplots(figsize=(8, 4.2), dpi=150)
    tried = [r.candidate.metrics for r in run.trials if r.candidate is not None]
    axes.scatter(
        [m["latency_ratio"].value for m in tried], [m["accuracy"].value * 100 for m in tried],
        s=14, color=TRIED, label=f"tried ({len(tried)})",
    )  # fmt: skip
    members = [c.metrics for c in run.front]
    x = [m["latency_ratio"].value for m in members]
    y = [m["accuracy"].value * 100 for m in members]
    spread = [[v - m["latency_ratio"].low for v, m in zip(x, members, strict=True)],
              [m["latency_ratio"].high - v for v, m in zip(x, members, strict=True)]]  # fmt: skip
    axes.errorbar(x, y, xerr=spread, fmt="o", ms=5, color=FRONT, lw=1, label="front, measured again")
    base = run.baseline.metrics
    axes.scatter([1], [base["accuracy"].value * 100], marker="D", s=40, color=INK, label="uncompressed")
    if arguments.results:
        plain = json.loads(arguments.results.read_text())["int8"]
        ratio = plain["ratio"]["value"]
        axes.axvline(ratio, color=INK, lw=0.8, ls=":")
        axes.annotate(" plain int8", (ratio, base["accuracy"].value * 100 - 5), color=INK, fontsize=9)
    lowest = base["accuracy"].value * 100 - 10
    axes.set(xlim=(0, 1.05), ylim=(lowest, base["accuracy"].value * 100 + 1), title=arguments.title)
    axes.set_xlabel("latency, as a share of the uncompressed model's")
    axes.set_ylabel("accuracy on the search split, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(arguments.output)


if __name__ == "__main__":
    main()
