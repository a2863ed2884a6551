"""Equal policies give equal bytes, whatever number of threads PyTorch has in the process that carries them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.parity import prove
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace
from parefront.testing.specimen import specimen

THREADS = (1, 2, 3)
PRUNED = {"prune_channels": 0.5}
METHODS: dict[str, tuple[dict[str, dict[str, Any]], Mapping[str, Choice]]] = {
    "pruned, least squares": ({"prune_channels": {"ratios": [0, 0.5]}}, PRUNED),
    "pruned, covariance": ({"prune_channels": {"ratios": [0, 0.5], "compensate": "covariance"}}, PRUNED),
    "pruned, batch norm": ({"prune_channels": {"ratios": [0, 0.5], "compensate": "batch_norm"}}, PRUNED),
    "pruned by gradients": ({"prune_channels": {"ratios": [0, 0.5], "criterion": "taylor"}}, PRUNED),
    "pruned by curvature": ({"prune_channels": {"ratios": [0, 0.5], "criterion": "hessian"}}, PRUNED),
    "pruned by lasso": ({"prune_channels": {"ratios": [0, 0.5], "criterion": "lasso"}}, PRUNED),
    "dropped": ({"drop_blocks": {}}, {"drop_blocks": True}),
    "principal components": ({"low_rank": {"ranks": [0.25]}}, {"low_rank": 0.25}),
    "tucker2": ({"low_rank": {"ranks": [0.25], "schemes": ["tucker2"]}}, {"low_rank": 0.25}),
    "cp": ({"low_rank": {"ranks": [0.25], "schemes": ["cp"]}}, {"low_rank": 0.25}),
    "separable": ({"separable": {}}, {"separable": "depthwise"}),
    "sparse": ({"prune_weights": {}}, {"prune_weights": 0.7}),
    "shared": ({"share_weights": {}}, {"share_weights": 16}),
    "integers": ({"quantize": {}}, {"quantize": 8}),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_bytes_do_not_depend_on_the_number_of_threads(
    method: str, tmp_path: Path, on_threads: Callable[[int], None]
) -> None:
    subject, (options, choices) = specimen("residual"), METHODS[method]
    pipeline = Pipeline.of([create(name, of) for name, of in options.items()], subject.graph)
    policy = pipeline.space.uniform(choices)
    assert policy
    made = set()
    for threads in THREADS:
        on_threads(threads)
        calibration = Calibration(subject.net, subject.images, subject.calibration.labels)
        net = pipeline.apply(subject.net, policy, Context(subject.graph, calibration))
        made.add(emit(net, tmp_path / "candidate.onnx", calibration.example).sha256)
        assert torch.get_num_threads() == threads, "and so has what comes after it"
    assert len(made) == 1


def test_nor_do_statistics_of_convolutions_that_share_out_their_sums_among_threads(
    on_threads: Callable[[int], None],
) -> None:
    """As those of a bottleneck, 1 × 1 with many channels, do even in a forward pass."""
    bottleneck = nn.Sequential(nn.Conv2d(3, 1152, 1), nn.ReLU(), nn.Conv2d(1152, 48, 1), nn.ReLU(), nn.Flatten())
    images = torch.randn(8, 3, 1, 1)
    net = trace(nn.Sequential(*bottleneck, nn.Linear(48, 4)).eval(), images[:2], prove).net
    found = []
    for threads in THREADS:
        on_threads(threads)
        calibration = Calibration(net, images)
        outputs = {name: target.outputs for name, target in calibration.targets.items()}
        means = {name: moments.mean for name, moments in calibration.input_moments.items()}
        found.append([outputs, means, calibration.activation_magnitude, calibration.taylor])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert one.keys() == two.keys()
            assert all(torch.equal(one[name], two[name]) for name in one)
