"""Pictures of ``controllers.py``: hypervolume against evaluations, and against seconds with probes included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

PICTURES = Path(__file__).with_name("pictures")
COLOURS = {
    "auto": "#d62728", "random": "#7f7f7f", "nsga2": "#1f77b4", "tpe": "#2ca02c", "amc": "#9467bd", "bisect": "#ff7f0e",
    "cmaes": "#17becf",
}  # fmt: skip


ROWS = {"hypervolume": "hypervolume, losses below ten points", "hypervolume_any": "hypervolume, any loss"}


def draw(task: str, runs: dict[str, Any]) -> Path:
    """A line for each sampler, the median over its seeds, with their range shaded."""
    figure, grid = plt.subplots(2, 2, figsize=(11, 7.6), sharey="row", layout="constrained")
    for (left, right), (name, label) in zip(grid, ROWS.items(), strict=True):
        for sampler in dict.fromkeys(key.rsplit("-", 1)[0] for key in runs):
            traces = [trace for key, trace in runs.items() if key.rsplit("-", 1)[0] == sampler]
            colour = COLOURS.get(sampler, "black")
            most = min(len(trace[name]) for trace in traces)
            _line(left, np.arange(1, most + 1), np.array([t[name][:most] for t in traces]), colour, sampler)
            clock = np.linspace(0, max(trace["seconds"][-1] for trace in traces), 200)
            _line(right, clock / 60, np.array([_at(trace, name, clock) for trace in traces]), colour, sampler)
        left.set(ylabel=label)
        for axes in (left, right):
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set(title=task)
    grid[1, 0].set(xlabel="evaluations")
    grid[1, 1].set(xlabel="minutes, probes included")
    grid[1, 1].legend(frameon=False, fontsize=8, loc="lower right")
    path = PICTURES / f"controllers-{task}.png"
    PICTURES.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _line(axes: Any, across: Any, values: np.ndarray, colour: str, label: str) -> None:
    axes.plot(across, np.median(values, axis=0), color=colour, label=label)
    axes.fill_between(across, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0)


def _at(trace: dict[str, Any], name: str, clock: np.ndarray) -> np.ndarray:
    """The hypervolume that a run had at each moment of ``clock`` (seconds)."""
    held = np.concatenate([[0.0], trace[name]])
    return np.asarray(held[np.searchsorted(trace["seconds"], clock, side="right")])
