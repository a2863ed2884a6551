"""Files with early exits: the latency is the mean over what samples take, each way timed with the file itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.context import Context
from parefront.compressors.exits.exit import exits_of, leaving_at
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import Latency, LatencyProtocol
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.timing.anchors import Anchors
from parefront.evaluators.trial.timing.exit_ways import mixed, ways_of
from parefront.evaluators.trial.timing.timer import Timer
from parefront.spaces.network.branches import thresholds
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace
from parefront.testing.networks import random_images
from parefront.testing.specimen import specimen

IMAGES = random_images(60, seed=3)
LIMITS = {"early_exit/2.conv2.0": 0.12, "early_exit/4.conv2.0": 0.12}


@pytest.fixture(scope="module")
def net() -> fx.GraphModule:
    """Two exits, by each of which some of the images leave."""
    held = specimen("residual")
    pipeline = Pipeline.of([create("early_exit", {"places": 2})], held.graph)
    context = Context(held.graph, held.calibration)
    limits = dict(LIMITS)
    for index, name in enumerate(limits):
        sure = confidences(pipeline.apply(held.net, Policy(limits), context))[index]
        limits[name] = float(sure.sort().values[40:42].mean())
    return pipeline.apply(held.net, Policy(limits), context)


@pytest.fixture
def file(net: fx.GraphModule, tmp_path: Path) -> Path:
    return emit(net, tmp_path / "exits.onnx", IMAGES[:4]).path


def confidences(net: fx.GraphModule) -> list[Tensor]:
    found = []
    for index in range(len(exits_of(net))):
        with torch.no_grad(), leaving_at(net, index):
            found.append(net(IMAGES).softmax(1).amax(1))
    return found


def left_at(net: fx.GraphModule) -> list[int]:
    """At which exit each image leaves, by the network in PyTorch; 2 for none."""
    limits = [float(net.get_submodule(str(node.target)).threshold) for node in exits_of(net)]  # type: ignore[arg-type]
    rows = zip(*confidences(net), strict=True)
    return [next((i for i, c in enumerate(row) if c >= limits[i]), 2) for row in rows]


def latency(ms: float, half: float = 0.0, noisy: bool = False) -> Latency:
    time = Measurement(ms, ms - half, ms + half, 40, "ms", noisy)
    worst = Measurement.exact(ms + 1, "ms")
    return Latency(time, replace(time, value=4, low=4, high=4), replace(time, unit="x"), ms, ms, worst, 400, 0, noisy,
                   "wall", 0.5, 0.01, p50=time, p95=worst)  # fmt: skip


def test_shares_are_those_of_the_samples_that_leave_at_each_exit(net: fx.GraphModule, file: Path) -> None:
    counts = np.bincount(left_at(net), minlength=3)
    assert (counts > 3).all()
    assert [way.share for way in ways_of(file, IMAGES.numpy)] == pytest.approx(counts / 60)


def test_a_batch_goes_as_far_as_the_one_of_it_that_leaves_last(net: fx.GraphModule, file: Path) -> None:
    pairs = np.array(left_at(net)).reshape(-1, 2).max(axis=1)
    counts = np.bincount(pairs, minlength=3)
    assert [way.share for way in ways_of(file, IMAGES.numpy, batch=2)] == pytest.approx(counts[counts > 0] / 30)


def test_a_way_that_nobody_takes_is_not_timed(net: fx.GraphModule, tmp_path: Path) -> None:
    with leaving_at(net, 0):
        path = emit(net, tmp_path / "all.onnx", IMAGES[:4]).path
    assert [way.share for way in ways_of(path, IMAGES.numpy)] == [1.0]


def test_a_file_without_exits_has_no_ways_and_reads_no_samples(tmp_path: Path) -> None:
    path = emit(specimen("residual").net, tmp_path / "plain.onnx", IMAGES[:4]).path

    def unread() -> np.ndarray[Any, Any]:
        raise AssertionError("read")

    assert ways_of(path, unread) == []


def test_latency_is_the_mean_over_the_samples_and_percentiles_are_those_of_the_way_they_take() -> None:
    whole = mixed([latency(1.0, 0.3), latency(3.0, 0.4)], [0.75, 0.25])
    assert whole.latency_ms.value == whole.ratio.value == pytest.approx(1.5)
    assert whole.latency_ms.half_width == pytest.approx(np.hypot(0.75 * 0.3, 0.25 * 0.4))
    assert whole.reference_ms.value == 4
    assert (whole.p50_ms, whole.p90_ms, whole.p99_ms) == (1.0, 3.0, 4.0)
    assert whole.runs == 800


def test_what_less_than_one_in_a_hundred_take_is_beyond_p99() -> None:
    assert mixed([latency(1.0), latency(3.0)], [0.995, 0.005]).p99_ms == 2.0


def test_one_noisy_way_makes_the_latency_noisy() -> None:
    whole = mixed([latency(1.0), latency(3.0, noisy=True)], [0.5, 0.5])
    assert whole.noisy
    assert whole.ratio.noisy


@dataclass
class Timed:
    """In place of the readings of a device: 1 ms where all leave at the first exit, 2 at the second, 4 else."""

    asked: list[list[float]] = field(default_factory=list)

    def measure(self, device: object, candidate: Path, reference: Path, protocol: LatencyProtocol) -> Latency:
        self.asked.append(limits := thresholds(candidate.read_bytes()))
        return latency(next((float(2**i) for i, limit in enumerate(limits) if limit < 0), 4.0))


def test_a_timer_times_each_way_and_counts_it_by_its_samples(
    net: fx.GraphModule, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = Timed()
    monkeypatch.setattr("parefront.evaluators.trial.timing.timer.measure", timed.measure)

    def ways(artifact: Path) -> Sequence[Any]:
        return ways_of(artifact, IMAGES.numpy)

    timer = Timer(Device(), LatencyProtocol(), ways)
    one = Measurement.exact(1.0, "x")
    timer.anchors = Anchors(SearchSpace.of([]), file, Measurement.exact(4.0, "ms"), lambda *files: one)
    seen = timer.looks(Policy(), file).full()
    assert seen is not None
    expected = np.mean([(1.0, 2.0, 4.0)[way] for way in left_at(net)])
    assert seen["latency_ratio"].value == pytest.approx(expected)
    assert seen["p99_ms"].value == 5.0
    assert len(timed.asked) == 3
