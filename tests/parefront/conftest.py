"""A folder of a user, a small task in it, and an evaluator whose numbers are a formula."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from parefront import session
from parefront.cli import main as cli
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.knob import Knob
from parefront.spaces.network.graph import ChannelGroup, Exclusion, Layer, ModelGraph
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace
from parefront.spaces.task import Task

from ..untrained import Untrained

LAYERS = ("stem", "body", "head")

TASK = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
import parefront as pf

def data(n=16):
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(images, torch.arange(n) % 4)

def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)).eval()

def task():
    return pf.Task(model=network(), calibration=data(), search=data(), test=data())
"""

CONFIG = """
task: task.py:task
budget: ["latency <= 0.6x"]
compress: {quantize: {}}
search: {trials: 6, sampler: random}
"""


@dataclass(frozen=True)
class Traced:
    graph: ModelGraph


@dataclass
class FormulaEvaluator(Untrained):
    """Three layers that may be quantised and pruned; every choice saves time and costs accuracy by a formula.

    Attributes:
        before: called with the number of the evaluation, from 1; may raise.
    """

    before: Callable[[int], None] = lambda number: None
    evaluations: int = 0
    closed: bool = False
    weights: str = "a" * 64
    space: SearchSpace = field(init=False)
    traced: Traced = field(init=False)

    def __post_init__(self) -> None:
        knobs = [
            knob
            for position, layer in enumerate(LAYERS)
            for knob in (
                Knob("quantize", layer, (32, 8), 32, frozenset({layer}), position),
                Knob("prune_channels", layer, (0.0, 0.25, 0.5), 0.0, frozenset({layer}), position),
            )
        ]
        layers = tuple(
            Layer(name, "conv", (16, 8, 8), (16, 8, 8), 2304, 147456, 1, (3, 3), (1, 1), position)
            for position, name in enumerate(LAYERS)
        )
        groups = (ChannelGroup("stem", 16, 1, (), 0),)
        self.space = SearchSpace.of(knobs)
        self.traced = Traced(ModelGraph(layers, (), groups, (Exclusion("head", "its channels are the classes"),)))

    @property
    def layers(self) -> Mapping[str, Layer]:
        return self.traced.graph.by_name

    @property
    def bases(self) -> list[Policy]:
        return []

    @property
    def environment(self) -> Mapping[str, Any]:
        return {"device": "formula", "model_sha256": self.weights}

    def baseline(self, artifacts: Path) -> Candidate:
        return self._measured(Policy(), artifacts / "baseline.onnx")

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        self.evaluations += 1
        self.before(self.evaluations)
        return self._measured(policy, artifact)

    def probe_divergence(self, policy: Policy) -> float:
        return 0.93 - self._measured(policy, Path(os.devnull)).metrics["accuracy"].value

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
        made, known = self._measured(policy, artifact), self._measured(Policy(), artifact)
        return {key: made.metrics[key].value / known.metrics[key].value for key in keys}

    def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
        return {}

    def finalise(self, candidate: Candidate) -> Candidate:
        metrics = dict(candidate.metrics)
        metrics |= {"test_accuracy": metrics["accuracy"], "test_accuracy_change": metrics["accuracy_change"]}
        return replace(candidate, metrics=metrics)

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def _measured(policy: Policy, artifact: Path) -> Candidate:
        ratio, accuracy = 1.0, 0.93
        for position, layer in enumerate(LAYERS):
            if policy.get(f"quantize/{layer}") == 8:
                ratio, accuracy = ratio - 0.15, accuracy - 0.001 * (position + 1)
            pruned = float(policy.get(f"prune_channels/{layer}", 0.0))
            ratio, accuracy = ratio - 0.2 * pruned, accuracy - 0.02 * pruned
        if artifact.is_symlink():
            artifact.unlink()
        artifact.write_bytes(policy.digest.encode())
        return candidate(policy, accuracy, ratio, artifact)


def candidate(
    policy: Policy, accuracy: float, ratio: float, artifact: Path | None = None, trial: int | None = None, **more: Any
) -> Candidate:
    """A candidate with all the metrics that the real evaluator measures."""
    metrics = {
        "accuracy": Measurement(accuracy, accuracy - 0.005, accuracy + 0.005, 2000, "fraction"),
        "accuracy_change": Measurement(accuracy - 0.93, accuracy - 0.932, accuracy - 0.928, 2000, "fraction"),
        "latency_ms": Measurement(0.8 * ratio, 0.79 * ratio, 0.81 * ratio, 64, "ms", more.get("noisy", False)),
        "latency_ratio": Measurement(ratio, 0.99 * ratio, 1.01 * ratio, 64, "x"),
        "size_bytes": Measurement.exact(round(4_530_000 * ratio), "bytes"),
        "macs": Measurement.exact(round(61_300_000 * ratio), "MACs"),
        "params": Measurement.exact(1_100_000, "parameters"),
    }
    sha256 = hashlib.sha256(artifact.read_bytes()).hexdigest() if artifact else ""
    return Candidate(policy, metrics, artifact, sha256, timings={"total": 0.01}, trial=trial)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with ``demo/task.py`` and ``demo/search.yaml`` in it."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "task.py").write_text(TASK)
    (folder / "search.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def formula(monkeypatch: pytest.MonkeyPatch) -> FormulaEvaluator:
    """The evaluator that searches get instead of one that traces, compresses and measures."""
    evaluator = FormulaEvaluator()
    monkeypatch.setattr(session, "make_evaluator", lambda *given: evaluator)
    return evaluator


@dataclass(frozen=True)
class Outcome:
    """What a command has left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process."""

    def command(*arguments: str) -> Outcome:
        code = cli.main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command


@pytest.fixture
def small_task() -> Task:
    """A network of one convolution and one linear layer, four classes."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)).eval()
    split = TensorDataset(torch.rand(16, 1, 8, 8), torch.arange(16) % 4)
    return Task(model=net, calibration=split, search=split, test=split)
