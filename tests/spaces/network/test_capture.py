"""What ``torch.onnx`` cannot follow is said in one line: what stops it, where in the user's code, what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from parefront.spaces.errors import TraceError
from parefront.spaces.network.capture import onnx_program
from parefront.spaces.network.export import quiet
from parefront.spaces.network.trace import trace

from ...flat import images


class Calling(nn.Module):
    """A module of one function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def loops(x: Tensor) -> Tensor:
    return torch.stack([x[index] * 2 for index in range(x.shape[0])])


def decides(x: Tensor) -> Tensor:
    return x if x.sum() > 0 else -x


def decomposes(x: Tensor) -> Tensor:
    return torch.linalg.svd(x)[0] @ x  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (
            loops,
            r"its code works for one batch size only at test_capture.py:\d+ \(return .*range.*\); write shapes with",
        ),
        (decides, r"depends on the values of its input at test_capture.py:\d+ \(return .*\); write .* as torch.where"),
        (decomposes, "the operator aten._linalg_svd has no counterpart in ONNX"),
    ],
)
def test_what_cannot_be_exported_is_named_with_its_place_in_one_line(function: Any, says: str) -> None:
    with quiet(), pytest.raises(TraceError, match=f"the model cannot be exported to ONNX: .*{says}") as raised:
        onnx_program(Calling(function).eval(), images(2, 2, 4, 4))
    assert "\n" not in str(raised.value)


def length(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1)


def test_a_batch_size_taken_as_a_number_stays_free() -> None:
    with quiet():
        program = onnx_program(Calling(length).eval(), images(2, 2, 4, 4))
    shape = program.model.graph.inputs[0].shape
    assert shape is not None
    assert not isinstance(shape[0], int)


class AnyNumber(nn.Module):
    def forward(self, *inputs: Tensor) -> Tensor:
        return inputs[0] + 1


def test_a_model_of_any_number_of_inputs_has_its_batch_axis_free() -> None:
    with quiet():
        program = onnx_program(AnyNumber().eval(), images(2, 2, 4, 4))
    assert len(program.model.graph.inputs) == 1


class OfTwo(nn.Module):
    """Holds a tensor for each image of a batch of two."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Parameter(torch.rand(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) + self.each


def test_a_model_that_fails_on_other_batch_sizes_is_refused_in_one_line() -> None:
    with pytest.raises(TraceError, match=r"the model fails on a batch of 3: .*; expected a model for any batch size"):
        trace(OfTwo(), images(2, 2, 4, 4))
