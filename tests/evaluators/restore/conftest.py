"""Artefacts of each method on tiny networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import serialize
from parefront.testing.specimen import specimen

OPTIONS: dict[str, dict[str, Any]] = {
    "early_exit": {"places": 2, "confidences": [0.12]},
    "low_rank": {"ranks": [0.5]},
    "prune_channels": {"ratios": [0.5], "round_to": 4},
    "prune_weights": {"sparsities": [0.7]},
    "share_weights": {"clusters": [16, 4]},
    "quantize": {"bits": [32, 8, "w8", 4, "w4", 3, "w3", 2, "w2", 1, "w1"]},
}
KINDS: dict[str, tuple[str, dict[str, Choice]]] = {
    "float": ("depthwise", {}),
    "pruned": ("residual", {"prune_channels": 0.5}),
    "low rank": ("plain", {"low_rank": "strongest"}),
    "separable": ("plain", {"separable": "strongest"}),
    "merged": ("plain", {"merge": True}),
    "sparse": ("plain", {"prune_weights": 0.7}),
    "shared": ("plain", {"share_weights": 16}),
    "sparse and shared": ("plain", {"prune_weights": 0.7, "share_weights": 16}),
    "int8": ("residual", {"quantize": 8}),
    "int4": ("plain", {"quantize": 4}),
    "ternary": ("plain", {"quantize": 2}),
    "binary": ("plain", {"quantize": 1}),
    "8-bit weights": ("plain", {"quantize": "w8"}),
    "4-bit weights": ("plain", {"quantize": "w4"}),
    "3-bit weights": ("plain", {"quantize": "w3"}),
    "2-bit weights": ("plain", {"quantize": "w2"}),
    "1-bit weights": ("plain", {"quantize": "w1"}),
    "early exits": ("residual", {"early_exit": 0.12}),
    "early exits in int8": ("residual", {"early_exit": 0.12, "quantize": 8}),
    "sparse int8": ("plain", {"prune_weights": 0.7, "quantize": 8}),
    "sparse int4": ("plain", {"prune_weights": 0.7, "quantize": 4}),
    "shared int8": ("plain", {"share_weights": 4, "quantize": 8}),
}
"""By name: the network, and one choice for all knobs of each method."""


@dataclass(frozen=True)
class Artefact:
    """A compressed network and its file."""

    net: fx.GraphModule
    path: Path
    inputs: Tensor


MakeArtefact = Callable[[str], Artefact]


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> MakeArtefact:
    """``artefact("int8")``: of one of :data:`KINDS`, made once."""
    folder = tmp_path_factory.mktemp("artefacts")

    @cache
    def make(kind: str) -> Artefact:
        network, policy = KINDS[kind]
        net, inputs = compressed(network, policy)
        path = folder / f"{kind}.onnx"
        path.write_bytes(serialize(net, inputs[:2]))
        return Artefact(net, path, inputs[:16])

    return make


def compressed(network: str, policy: Mapping[str, Choice]) -> tuple[fx.GraphModule, Tensor]:
    subject, methods = specimen(network), [create(name, OPTIONS.get(name, {})) for name in policy]
    pipeline = Pipeline.of(methods, subject.graph)
    strongest = {name: ladder[-1] for name, ladder in pipeline.space.ladders().items()}
    choices = {name: strongest[name] if choice == "strongest" else choice for name, choice in policy.items()}
    context = Context(subject.graph, subject.calibration)
    return pipeline.apply(subject.net, pipeline.space.uniform(choices), context), subject.images


def model(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, np.ndarray],
    shape_in: Sequence[int],
    shape_out: Sequence[int],
    inputs: tuple[str, ...] = ("input",),
    outputs: tuple[str, ...] = ("output",),
) -> bytes:
    """The bytes of a model; shapes without the batch axis."""
    info: Callable[..., onnx.ValueInfoProto] = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "model",
        [info(name, TensorProto.FLOAT, ["batch", *shape_in]) for name in inputs],
        [info(name, TensorProto.FLOAT, ["batch", *shape_out]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(made.SerializeToString())
