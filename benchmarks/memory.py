"""Peak memory of a search over networks of about 500 MB of weights, by phase: of the search's process and its workers.

    python benchmarks/memory.py [wide] [convolutions] [small] [--trials 4] [--compress all|repaired] [--tree]

``wide`` is VGG-like: six convolutions and two linear layers of 67 and 50 million weights; ``convolutions`` are twelve
of 9.4 million weights each; ``small`` is 4 MB, where what a search takes beside the weights shows. Weights and images
(32 and 16 px) are random. The peak of the own process is the kernel's, reset at the begin of each phase; the workers'
is sampled every 10 ms and summed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

GB = 1e9
METHODS: dict[str, dict[str, dict[str, Any]] | None] = {
    "all": None,
    "repaired": {"prune_channels": {"compensate": "least_squares"}, "low_rank": {}, "quantize": {}},
}
"""What is searched, by name: all default compressors, and three whose changes are repaired by least squares."""


class Peaks:
    """The highest resident memory in each phase, in bytes: of this process, and of its children together."""

    def __init__(self) -> None:
        self.own: dict[str, int] = {}
        self.children: dict[str, int] = {}
        self._stack = ["other"]
        self._lock = threading.Lock()
        threading.Thread(target=self._sample, daemon=True).start()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is inside as ``name``, and not as the phase around it."""
        self._turn()
        self._stack.append(name)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def _turn(self) -> None:
        with self._lock:
            name, peak = self._stack[-1], _status(os.getpid(), "VmHWM")
            self.own[name] = max(self.own.get(name, 0), peak)
            Path("/proc/self/clear_refs").write_text("5")

    def _sample(self) -> None:
        waiting = threading.Event()
        while not waiting.wait(0.01):
            total = sum(_status(child, "VmRSS") for child in _children())
            name = self._stack[-1]
            self.children[name] = max(self.children.get(name, 0), total)

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **keywords: Any) -> Any:
            with self.phase(name):
                return function(*args, **keywords)

        return call


def _children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


def _status(process: int, key: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return 0


def watch(peaks: Peaks) -> None:
    """Have the phases of a search counted: its functions are replaced by ones that say when they are called."""
    import parefront.session
    from parefront.compressors.pipeline import Pipeline
    from parefront.compressors.statistics import calibration
    from parefront.evaluators.trial import builder, evaluate, stopwatch
    from parefront.evaluators.trial.timing.clock import Clock
    from parefront.spaces.network import trace

    for place, name, phase in (
        (parefront.session, "check_task", "check of the task"),
        (trace, "export", "trace: export"),
        (trace, "rebuild", "trace: rebuild"),
        (trace, "find_groups", "trace: groups proved"),
        (builder, "trace", "trace: the rest"),
        (Pipeline, "apply", "apply"),
        (calibration, "targets_of", "statistics"),
        (calibration, "input_moments", "statistics"),
        (calibration.Calibration, "once", "statistics"),
        (evaluate.TaskEvaluator, "probe_divergence", "probes: divergence"),
    ):
        setattr(place, name, peaks.wrapped(phase, getattr(place, name)))
    step = stopwatch.Stopwatch.step

    @contextmanager
    def counted(self: Any, name: str) -> Iterator[None]:
        with peaks.phase(name), step(self, name):
            yield

    stopwatch.Stopwatch.step = counted  # type: ignore[method-assign]
    Clock.start = peaks.wrapped("latency", Clock.start)  # type: ignore[method-assign]
    Clock.memory = peaks.wrapped("memory", Clock.memory)  # type: ignore[method-assign]


def network(name: str) -> Any:
    """The network called ``name``, with random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers: list[nn.Module] = []
    if name == "convolutions":
        layers += [nn.Conv2d(3, 1024, 3, 2, 1), nn.BatchNorm2d(1024), nn.ReLU()]
        for index in range(12):
            layers += [nn.Conv2d(1024, 1024, 3, 2 if index in (2, 5) else 1, 1), nn.BatchNorm2d(1024), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 10)).eval()
    widths, linear = ((64, 64, 128, 128, 256, 512), (8192, 6144)) if name == "wide" else ((16, 32, 64), (512, 256))
    channels, size = 3, 32
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
        if size > 4:
            layers.append(nn.MaxPool2d(2))
            size //= 2
    layers.append(nn.Flatten())
    features = channels * size * size
    for width in linear:
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, 10)).eval()


def search(name: str, compress: str, trials: int, into: Path) -> dict[str, Any]:
    """Search, and the peaks by phase."""
    import torch
    from torch.utils.data import TensorDataset

    import parefront as pf

    peaks = Peaks()
    watch(peaks)
    model = network(name)
    weights = sum(tensor.numel() * 4 for tensor in model.state_dict().values())
    pixels = 16 if name == "convolutions" else 32
    images = torch.randn(512, 3, pixels, pixels, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        labels = torch.cat([model(part).argmax(1) for part in torch.split(images, 32)])
    split = TensorDataset(images, labels)
    task = pf.Task(model=model, calibration=split, search=split, test=split, train=None, metric="accuracy")
    peaks._turn()
    peaks.own["model and data"] = peaks.own.pop("other")
    latency = {"min_seconds": 0.2, "max_seconds": 0.5, "warmup_seconds": 0.2}
    run = pf.compress(task, trials=trials, compress=METHODS[compress], latency=latency, run=into / "run", root=into)
    peaks._turn()
    trials_done = sorted((into / "run" / "trials").glob("*.json"))
    seconds = [json.loads(path.read_text()).get("timings", {}) for path in trials_done]
    return {
        "weights": weights,
        "own": peaks.own,
        "children": peaks.children,
        "front": len(run.front),
        "timings": seconds,
    }


def table(name: str, found: dict[str, Any]) -> str:
    own, children = found["own"], found["children"]
    lines = [f"{name}: weights {found['weights'] / GB:.2f} GB, {len(found['timings'])} trials", ""]
    lines += ["| phase | own process, GB | workers, GB |", "| --- | --- | --- |"]
    lines += [f"| {phase} | {own[phase] / GB:.2f} | {children.get(phase, 0) / GB:.2f} |" for phase in own]
    together = max(own[phase] + children.get(phase, 0) for phase in own)
    lines.append(f"| **highest** | {max(own.values()) / GB:.2f} | {max(children.values()) / GB:.2f} |")
    return "\n".join([*lines, "", f"Both together at most {together / GB:.2f} GB.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["wide", "convolutions"])
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--compress", choices=[*METHODS], default="all")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        found = search(arguments.networks[0], arguments.compress, arguments.trials, arguments.child)
        (arguments.child / "found.json").write_text(json.dumps(found))
        return
    for name in arguments.networks:
        with tempfile.TemporaryDirectory() as folder:
            options = [name, "--trials", str(arguments.trials), "--compress", arguments.compress, "--child", folder]
            subprocess.run([sys.executable, __file__, *options], check=True)
            print(table(name, json.loads((Path(folder) / "found.json").read_text())), flush=True)


if __name__ == "__main__":
    main()
