"""Pictures of ``methods.py``: for each method, and for all, test accuracy against bytes and against latency.

python benchmarks/methods_pictures.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

PICTURES = Path(__file__).with_name("pictures")
INK = "#22303c"
LOWEST = 50.0


def draw(results: Mapping[str, Any]) -> None:
    """One picture for each method and one over all, ``pictures/methods-NAME.png``."""
    PICTURES.mkdir(exist_ok=True)
    curves = results["curves"]
    for method in dict.fromkeys(c["method"] for c in curves):
        chosen = [c for c in curves if c["method"] == method]
        labels = [c["label"] + (" + int8" if c["int8"] else "") for c in chosen]
        _picture(results, list(zip(labels, chosen, strict=True)), method, PICTURES / f"methods-{method}.png")
    best = [(f"{m}{' + int8' if i else ''}", _best(curves, m, i)) for m, i in _kinds(curves)]
    _picture(results, best, "all methods, the best variant of each choice", PICTURES / "methods-all.png")


def _kinds(curves: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    return list(dict.fromkeys((c["method"], c["int8"]) for c in curves if c["points"]))


def _best(curves: Sequence[Mapping[str, Any]], method: str, int8: bool) -> Mapping[str, Any]:
    """The variant of a method that is most accurate in the mean over its choices."""
    of_method = [c for c in curves if (c["method"], c["int8"]) == (method, int8) and c["points"]]
    return max(of_method, key=lambda c: sum(map(_accuracy, c["points"])) / len(c["points"]))


def _accuracy(point: Mapping[str, Any]) -> float:
    return float(point["test_accuracy"]["value"]) * 100


def _picture(
    results: Mapping[str, Any], curves: Sequence[tuple[str, Mapping[str, Any]]], title: str, path: Path
) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(12, 5.2), dpi=120, sharey=True)
    colours = plt.get_cmap("tab20")
    whole = float(results["whole"]["test_accuracy"]["value"]) * 100
    for axes, key in zip(panels, ("bytes", "latency"), strict=True):
        for index, (label, curve) in enumerate(curves):
            points = sorted(curve["points"], key=lambda p: float(p["size_bytes"]))
            style = {"ls": "--" if curve["int8"] else "-", "marker": "s" if curve["int8"] else "o"}
            axes.plot([_x(p, key) for p in points], list(map(_accuracy, points)), ms=4, lw=1.2, label=label,
                      color=colours(index % 20), **style)  # fmt: skip
        axes.scatter([1 if key == "latency" else results["bytes"] / 1000], [whole], marker="D", color=INK, zorder=3)
        axes.scatter([_x(results["int8"], key)], [_accuracy(results["int8"])], marker="*", s=120, color=INK, zorder=3)
        axes.set_ylim(LOWEST, whole + 2)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_xscale("log")
    panels[0].set(xlabel="KB on disk", ylabel="test accuracy, %")
    panels[1].set(xlabel="latency, as a share of the uncompressed model's (diamond; star: int8)")
    panels[1].axvline(1, color=INK, lw=0.6, ls=":")
    panels[1].legend(frameon=False, fontsize=7, loc="lower right", ncols=2)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _x(point: Mapping[str, Any], key: str) -> float:
    return float(point["size_bytes"]) / 1000 if key == "bytes" else float(point["latency_ratio"]["value"])


if __name__ == "__main__":
    draw(json.loads((Path(__file__).with_name("results") / "methods.json").read_text()))
