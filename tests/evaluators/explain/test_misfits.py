"""Layers that take longer than in another model: which of them there is anything to say about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from parefront.evaluators.device.operator import Operator, Tensor
from parefront.evaluators.explain.executed import Executed
from parefront.evaluators.explain.misfits import slower

from .test_explain import SIZE, Layer, chain

LAYERS = [Layer("conv0"), Layer("conv1")]


def ran(path: Path, layers: Sequence[Layer], us: Sequence[float], kind: str = "Conv") -> Executed:
    """A chain as if each of its convolutions had taken so long."""
    tensors = [f"{layer.name}:out" for layer in layers]
    operators = [
        Operator(
            layer.name,
            kind,
            "CPUExecutionProvider",
            (Tensor("float", (1, layer.inputs, SIZE, SIZE)),),
            (Tensor("float", (1, layer.outputs, SIZE, SIZE)),),
            (before,),
            (after,),
            "",
            took,
        )
        for layer, before, after, took in zip(layers, ["input", *tensors], tensors, us, strict=False)
    ]
    return Executed(chain(path, layers), operators)


def test_a_layer_that_was_left_as_it_is_has_nothing_to_mend(tmp_path: Path) -> None:
    model, base = (ran(tmp_path / f"{us}.onnx", LAYERS, (us, us)) for us in (170.0, 130.0))

    assert list(slower(model, base, ())) == []


@pytest.mark.parametrize(
    ("layers", "kind", "mend"),
    [
        ([Layer("conv0", outputs=32), Layer("conv1", inputs=32)], "Conv", "what was done to it does not pay"),
        (LAYERS, "FusedConv", "what was done to it does not pay"),
        (LAYERS, "QLinearConv", "leave it in float"),
    ],
)
def test_a_layer_that_was_changed_and_takes_longer_is_named(
    tmp_path: Path, layers: Sequence[Layer], kind: str, mend: str
) -> None:
    model = ran(tmp_path / "model.onnx", layers, (170.0, 100.0), kind)
    base = ran(tmp_path / "base.onnx", LAYERS, (130.0, 130.0))

    (found,) = slower(model, base, ())

    assert (found.layers, found.us) == (("conv0",), 40.0)
    assert found.mend.startswith(mend)
