"""The export is cleaned without a loss: batch norms folded, padding absorbed, means turned into pools."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parefront.spaces.errors import TraceError
from parefront.spaces.network.export import Exported, export
from parefront.testing.networks import residual

from ...flat import images
from ..networks import SamePadded


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return residual()[0]


@pytest.fixture(scope="module")
def exported(model: nn.Module) -> Exported:
    return export(model, images(2, 3, 16, 16))


@pytest.fixture(scope="module")
def padded() -> Exported:
    torch.manual_seed(0)
    return export(SamePadded().eval(), images(2, 3, 16, 16))


def operators(exported: Exported) -> Counter[str]:
    return Counter(node.op_type for node in exported.graph)


def test_batch_norms_are_folded_into_the_convolutions(exported: Exported) -> None:
    assert operators(exported) == {"Conv": 10, "Relu": 9, "Add": 4, "GlobalAveragePool": 1, "Reshape": 1, "Gemm": 1}


def test_what_was_folded_is_remembered_by_the_weight_it_was_folded_into(model: nn.Module, exported: Exported) -> None:
    norms = {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert len(exported.norms) == len(norms) == 10
    for name, norm in norms.items():
        found = exported.norms[f"{name.removesuffix('.1')}.0.weight"]
        assert norm.running_var is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        np.testing.assert_array_equal(found.scale, norm.weight.detach().numpy())
        np.testing.assert_array_equal(found.shift, norm.bias.detach().numpy())
        np.testing.assert_allclose(found.factor, factor.detach().numpy(), rtol=1e-6)


def test_the_batch_axis_is_free_and_all_others_are_fixed(exported: Exported) -> None:
    source, result = exported.graph.inputs[0], exported.graph.outputs[0]
    assert source.shape is not None
    assert result.shape is not None
    assert not isinstance(source.shape[0], int)
    assert list(source.shape)[1:] == [3, 16, 16]
    assert list(result.shape)[1:] == [10]


def test_zero_padding_becomes_the_convolutions_own(padded: Exported) -> None:
    assert operators(padded)["Pad"] == 0
    pads = [node.attributes.get_ints("pads") for node in padded.graph if node.op_type == "Conv"]
    assert [tuple(p or ()) for p in pads] == [(0, 0, 1, 1), (0, 0, 1, 1), (1, 1, 2, 2)]


def test_a_mean_over_height_and_width_becomes_a_global_pool(padded: Exported) -> None:
    assert operators(padded)["ReduceMean"] == 0
    assert operators(padded)["GlobalAveragePool"] == 1


def test_a_batch_norm_without_scale_and_shift_has_ones_and_zeros(padded: Exported) -> None:
    norm = padded.norms["stem.weight"]
    assert (norm.scale == 1).all()
    assert (norm.shift == 0).all()


class Halves(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :1], x[:, 1:]


def test_outputs_without_a_name_are_refused() -> None:
    with pytest.raises(TraceError, match=r"the model cannot be exported|expected 1 outputs"):
        export(Halves().eval(), images(2, 2, 4, 4))


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_a_model_that_decides_by_its_data_is_refused_in_one_line() -> None:
    with pytest.raises(TraceError, match="the model cannot be exported to ONNX: ") as raised:
        export(Branches().eval(), images(2, 2, 4, 4))
    assert "\n" not in str(raised.value)
