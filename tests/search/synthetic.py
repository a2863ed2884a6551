"""A network that is a formula: residual blocks of two convolutions, with losses and latencies known in closed form."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.errors import Infeasible
from parefront.spaces.knob import Knob
from parefront.spaces.network.graph import Layer
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace

from ..untrained import Untrained

RATIOS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75)
ACCURACY = 0.93


def profile_json(**changes: Any) -> dict[str, Any]:
    """What a device says of itself, as a run records it."""
    machine = {"cpu": "x", "flags": ["avx2"], "machine": "x86_64", "system": "Linux 6.1", "cores": 4}
    versions = {"python": "3.11.2", "numpy": "2.0", "onnxruntime": "1.20.0", "providers": ["CPUExecutionProvider"]}
    moment = {"governor": "", "frequency_mhz": 2000.0, "temperature_celsius": 40.0, "load": 0.1}
    return {**machine, **versions, **moment, "memory_bytes": 2**33, "cpu_clock_step_ns": 1, **changes}


@dataclass
class SyntheticEvaluator(Untrained):
    """Blocks may be dropped, their inner channels pruned, each of their two layers quantised to int8.

    Losses add up, and weigh more the more there are of them. A layer's time has a part that its width does not change,
    as on small images, and changing between float and int8 costs time at every border.

    Attributes:
        blocks: number of residual blocks.
        noise: half the 95 % interval of an accuracy, in fractions; a candidate's error depends on its digest alone.
        ratios: prune ratios on offer; a single one means no pruning.
        seed: of the formula's coefficients.
        width_saves: whether pruned int8 layers are faster.
        evaluated, finalised: the policies that were asked for, in their order.
    """

    blocks: int = 8
    noise: float = 0.0
    ratios: tuple[float, ...] = RATIOS
    seed: int = 0
    width_saves: bool = True
    evaluated: list[Policy] = field(default_factory=list)
    finalised: list[Policy] = field(default_factory=list)

    def __post_init__(self) -> None:
        generator = np.random.default_rng(self.seed)
        self._drop_loss = generator.lognormal(np.log(0.006), 0.9, self.blocks)
        self._prune_loss = generator.lognormal(np.log(0.006), 0.8, self.blocks)
        self._bits_loss = generator.lognormal(np.log(0.0002), 1.0, (self.blocks, 2))
        self._work = generator.uniform(0.7, 1.3, (self.blocks, 2))
        knobs, removes = [], {}
        for block in range(self.blocks):
            layers = [f"block{block}.conv{i}" for i in (1, 2)]
            knobs.append(Knob("drop_blocks", f"block{block}", (False, True), False, frozenset(layers), 2 * block))
            removes[f"drop_blocks/block{block}"] = frozenset(layers)
            if len(self.ratios) > 1:
                knobs.append(Knob("prune_channels", layers[0], self.ratios, 0.0, frozenset(layers), 2 * block))
            for i, layer in enumerate(layers):
                knobs.append(Knob("quantize", layer, (32, 8), 32, frozenset([layer]), 2 * block + i))
        self._space = SearchSpace.of(knobs, removes)
        self._unit = self._time(Policy())

    @property
    def space(self) -> SearchSpace:
        return self._space

    @property
    def layers(self) -> Mapping[str, Layer]:
        names = [name for knob in self._space for name in sorted(knob.layers)]
        return {name: _layer(name, position) for position, name in enumerate(dict.fromkeys(names))}

    @property
    def bases(self) -> list[Policy]:
        return [self._space.uniform({"quantize": 8})]

    @property
    def environment(self) -> Mapping[str, Any]:
        return {"device": "formula"}

    def baseline(self, artifacts: Path) -> Candidate:
        return self._measure(Policy(), artifacts / "baseline.onnx", self.noise)

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        self.evaluated.append(policy)
        if len(policy.of("drop_blocks")) == self.blocks:
            raise Infeasible("no block is left")
        return self._measure(policy, artifact, self.noise)

    def probe_divergence(self, policy: Policy) -> float:
        if len(policy.of("drop_blocks")) == self.blocks:
            raise Infeasible("no block is left")
        return self._loss(policy)

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
        if len(policy.of("drop_blocks")) == self.blocks:
            raise Infeasible("no block is left")
        made = self._measure(policy, artifact, self.noise)
        known = self._measure(Policy(), artifact, 0.0)
        return {key: made.metrics[key].value / known.metrics[key].value for key in keys}

    def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
        return {}

    def finalise(self, candidate: Candidate) -> Candidate:
        self.finalised.append(candidate.policy)
        assert candidate.artifact is not None
        again = self._measure(candidate.policy, candidate.artifact, 0.0)
        return replace(
            again, trial=candidate.trial, metrics={**again.metrics, "test_accuracy": again.metrics["accuracy"]}
        )

    def close(self) -> None:
        pass

    def exact(self, policy: Policy) -> tuple[float, float]:
        """True accuracy and latency ratio."""
        return ACCURACY - self._loss(policy), self._time(policy) / self._unit

    def _measure(self, policy: Policy, artifact: Path, noise: float) -> Candidate:
        accuracy, ratio = self.exact(policy)
        errors = np.random.default_rng(int(policy.digest[:15], 16)).normal(size=2) * noise / 1.96
        accuracy, ratio = accuracy + errors[0], ratio * (1 + errors[1])
        content = hashlib.sha256(policy.digest.encode()).digest()
        self.write(artifact, content)
        size = 1000.0 * (1 - 0.5 * len(policy) / len(self._space))
        metrics = {
            "accuracy": Measurement(accuracy, accuracy - noise, accuracy + noise, 2000, "fraction"),
            "latency_ms": Measurement(2 * ratio, 2 * ratio * (1 - noise), 2 * ratio * (1 + noise), 64, "ms"),
            "latency_ratio": Measurement(ratio, ratio * (1 - noise), ratio * (1 + noise), 64, "x"),
            "size_bytes": Measurement.exact(size, "bytes"),
            "macs": Measurement.exact(1e6, "MACs"),
            "params": Measurement.exact(1e5, "parameters"),
        }
        sha256 = hashlib.sha256(content).hexdigest()
        return Candidate(policy, metrics, artifact, sha256, timings={"accuracy": 0.001, "total": 0.001})

    def write(self, artifact: Path, content: bytes) -> None:
        """Keep an artefact; not by way of the disk, which the real evaluator waits for."""
        artifact.write_bytes(content)

    def _loss(self, policy: Policy) -> float:
        total = 0.0
        for block in range(self.blocks):
            if policy.get(f"drop_blocks/block{block}", False):
                total += self._drop_loss[block]
                continue
            ratio = float(policy.get(f"prune_channels/block{block}.conv1", 0.0))
            total += self._prune_loss[block] * (ratio / 0.5) ** 2
            total += sum(self._bits_loss[block, i] for i in (0, 1) if self._int8(policy, block, i))
        return float(ACCURACY * (1 - np.exp(-(total + 8 * total**2) / ACCURACY)))

    def _time(self, policy: Policy) -> float:
        time, was_int8 = 1.0, False
        for block in range(self.blocks):
            if policy.get(f"drop_blocks/block{block}", False):
                continue
            width = 1 - float(policy.get(f"prune_channels/block{block}.conv1", 0.0))
            for i in (0, 1):
                int8 = self._int8(policy, block, i)
                time += self._work[block, i] * (self._int8_time(width) if int8 else 0.2 + 0.8 * width)
                time += 0.15 * (int8 != was_int8)
                was_int8 = int8
        return float(time)

    def _int8_time(self, width: float) -> float:
        return 0.25 + (0.1 * width if self.width_saves else 0.1)

    @staticmethod
    def _int8(policy: Policy, block: int, layer: int) -> bool:
        return policy.get(f"quantize/block{block}.conv{layer + 1}", 32) == 8


def _layer(name: str, position: int) -> Layer:
    return Layer(name, "conv", (16, 8, 8), (16, 8, 8), 2320, 147456, 1, (3, 3), (1, 1), position)


class LoggingEvaluator(SyntheticEvaluator):
    """Notes in a file what it has evaluated to the end, and takes a moment for it."""

    log: Path
    pause = 0.005
    """Seconds that an evaluation takes longer."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        candidate = super().evaluate(policy, artifact, rivals)
        time.sleep(self.pause)
        with self.log.open("a") as stream:
            stream.write(policy.digest + "\n")
        return candidate
