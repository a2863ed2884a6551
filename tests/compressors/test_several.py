"""Every method on a network with several inputs and outputs of several types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity, prove
from parefront.spaces.network.emit import emit
from parefront.spaces.network.outputs import output_problem
from parefront.spaces.network.trace import Traced, trace
from parefront.spaces.policy import Policy
from parefront.spaces.tensors.batch import Tensors

from ..several import CLASSES, Everything, everything, made

METHODS: list[tuple[str, dict[str, Any]]] = [
    ("drop_blocks", {}),
    ("separable", {}),
    ("low_rank", {}),
    ("prune_weights", {}),
    ("share_weights", {}),
    ("quantize", {}),
    ("quantize", {"rounding": "reconstruct", "equalize": True, "bits": [32, 4, "w4"]}),
    *(("prune_channels", {"criterion": criterion, "round_to": 4}) for criterion in ("l1", "taylor", "hessian", "apoz")),
    *(("prune_channels", {"compensate": repair, "round_to": 4}) for repair in ("batch_norm", "covariance")),
]


@pytest.fixture(scope="module")
def traced() -> Traced:
    return trace(made(Everything), everything(), prove)


@pytest.fixture(scope="module")
def context(traced: Traced) -> Context:
    labels = torch.randint(CLASSES, (24,), generator=torch.Generator().manual_seed(1))
    return Context(traced.graph, Calibration(traced.net, named(traced, 24, seed=1), labels))


def named(traced: Traced, count: int, seed: int) -> Tensors:
    return traced.signature.inputs.batch(everything(count, seed))


def test_what_it_takes_and_gives_is_described(traced: Traced) -> None:
    assert [(port.name, port.shape, port.dtype) for port in traced.graph.inputs] == [
        ("image", (3, 12, 12), "float32"), ("depth", (1, 12, 12), "float32"), ("count", (), "int64"),
        ("mask", (12, 12), "bool"),
    ]  # fmt: skip
    assert [(port.name, port.shape, port.dtype) for port in traced.graph.outputs] == [
        ("logits", (4,), "float32"), ("where", (2, 12, 12), "float32"), ("label", (12, 12), "int64"),
    ]  # fmt: skip


def test_all_channels_inside_of_it_can_be_pruned(traced: Traced) -> None:
    assert {exclusion.name for exclusion in traced.graph.excluded} == {"head", "where"}
    assert [group.name for group in traced.graph.groups] == ["colour.0", "distance.0", "one.0.0", "two.0.0"]


@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda part: str(part))
def test_a_method_at_its_strongest_leaves_all_outputs_and_a_file_that_gives_them(
    traced: Traced, context: Context, method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    pipeline = Pipeline.of([create(method, options)], traced.graph)
    strongest = Policy({knob.name: knob.choices[-1] for knob in pipeline.space})
    net = pipeline.apply(traced.net, pipeline.space.decode(strongest), context)
    inputs = named(traced, 5, seed=2)
    with torch.no_grad():
        assert output_problem(traced.net, net(inputs)) is None
    path = emit(net, tmp_path / "candidate.onnx", traced.example).path
    check_parity(open_session(path, threads=1), net, inputs)


def test_statistics_are_of_all_samples(traced: Traced, context: Context) -> None:
    calibration = context.calibration
    assert len(calibration.example) == 4
    assert calibration.activation_magnitude.keys() >= {"colour.0", "distance.0", "where"}
    assert all(bool(torch.isfinite(score).all()) for score in calibration.taylor.values())
    assert np.isclose(
        float(calibration.activation_magnitude["where"].mean()),
        float(watched(traced, calibration.inputs).abs().mean()),
        rtol=1e-4,
    )


def watched(traced: Traced, inputs: Tensors) -> torch.Tensor:
    """What the convolution ``where`` gives, by a hook of our own."""
    seen: list[torch.Tensor] = []
    handle = traced.net.get_submodule("where").register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        traced.net(inputs)
    handle.remove()
    return seen[0]
