"""People's networks: each is traced, pruned and quantised, and its file computes what torch does, at any batch size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity, prove
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace
from parefront.spaces.network.wrappers import evaluating

from ..flat import images
from .structures import STRUCTURES


def settled(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """The network after some steps of training, for the statistics of its norms; left in train mode."""
    with torch.no_grad():
        for seed in range(3):
            model.train()(images(8, *shape, seed=seed))
    return model


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:Using padding='same'")
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_structure_is_traced_pruned_quantised_and_written_as_torch_computes_it(
    structure: str, tmp_path: Path
) -> None:
    make, shape, pruned = STRUCTURES[structure]
    torch.manual_seed(0)
    model = settled(make(), shape)
    traced = trace(model, images(2, *shape), prove)
    assert {group.name for group in traced.graph.groups} == pruned
    assert model.training
    plain = emit(traced.net, tmp_path / "plain.onnx", images(2, *shape))
    session = ort.InferenceSession(plain.path, providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        inputs = images(batch, *shape, seed=batch)
        with evaluating(model) as evaluated, torch.no_grad():
            expected = evaluated(inputs).numpy()
        np.testing.assert_allclose(session.run(None, {"input": inputs.numpy()})[0], expected, rtol=1e-3, atol=1e-5)

    methods = [create("prune_channels", {"ratios": [0, 0.5], "round_to": 1}), create("quantize")]
    pipeline = Pipeline.of(methods, traced.graph)
    policy = pipeline.space.decode({k.name: 8 if k.compressor == "quantize" else 0.5 for k in pipeline.space})
    net = pipeline.apply(traced.net, policy, Context(traced.graph, Calibration(traced.net, images(32, *shape))))
    written = open_session(emit(net, tmp_path / "small.onnx", images(2, *shape)).path)
    for batch in (1, 5):
        check_parity(written, net, images(batch, *shape, seed=batch))
