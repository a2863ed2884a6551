"""What each ONNX operator of a file computes in torch, and the module that runs one of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...spaces.errors import ParefrontError
from ...spaces.network.ops import TORCH
from .stored import round_to_range

Attributes = Mapping[str, Any]
Run = Callable[[list[Any], Attributes], Any]

LINEAR, BLOCKED = "Linear", "MatMulNBits"
"""A MatMul with the Add of a bias behind it, weight ``(in, out)``; and ONNX Runtime's, weight ``(out, in)``."""
COMPUTED, ABSENT = "", "-"
"""An operand that another node computes, and an optional one that is left out; any other is named."""


class Node(nn.Module):
    """One node of a file. What the file says of its inputs is held here: parameters, stored weights, constants.

    Attributes:
        op_type: the ONNX operator.
        attributes: its attributes as plain Python values.
        operands: for each input :data:`COMPUTED`, :data:`ABSENT`, or the name of what is held.
        borrowed: by operand the node, and the name there, of a weight that several nodes share.
    """

    def __init__(self, op_type: str, attributes: Attributes, operands: Sequence[str]) -> None:
        super().__init__()
        self.op_type = op_type
        self.attributes = dict(attributes)
        self.operands = tuple(operands)
        self.borrowed: dict[str, tuple[nn.Module, str]] = {}

    def forward(self, *computed: Tensor) -> Any:
        rest = iter(computed)
        inputs = [self._operand(name, rest) for name in self.operands]
        result = OPERATORS[self.op_type](inputs, self.attributes)
        if result is NotImplemented:
            said = ", ".join(f"{key}={value}" for key, value in self.attributes.items())
            raise ParefrontError(f"{self.op_type} with {said or 'these inputs'} has no counterpart in torch here")
        return result

    def extra_repr(self) -> str:
        held = [name for name in self.operands if isinstance(getattr(self, name or "_", None), nn.Parameter)]
        shapes = ", ".join(f"{name} {tuple(self.get_parameter(name).shape)}" for name in held)
        return self.op_type + (f", {shapes}" if shapes else "")

    def _operand(self, name: str, computed: Any) -> Any:
        if name == COMPUTED:
            return next(computed)
        if name == ABSENT:
            return None
        owner, key = self.borrowed.get(name, (self, name))
        held = getattr(owner, key)
        return held() if isinstance(held, nn.Module) else held


def _conv(inputs: list[Any], attributes: Attributes) -> Any:
    """Without a copy of the padded input, where the padding is the same at both ends."""
    rank = inputs[1].dim() - 2
    pads = list(attributes.get("pads") or [0] * (2 * rank))
    if pads[:rank] != pads[rank:] or attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return TORCH["Conv"](inputs, attributes)
    x, weight, bias = [*inputs, None][:3]
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    strides, dilations = attributes.get("strides") or [1] * rank, attributes.get("dilations") or [1] * rank
    return run(x, weight, bias, strides, pads[:rank], dilations, attributes.get("group", 1))


def _quantize(inputs: list[Any], attributes: Attributes) -> Tensor:
    """The integers as floats; the gradient passes the rounding, and is zero where the range cuts the value off."""
    x, scale, zero = [*inputs, None][:3]
    bounds = torch.iinfo(torch.uint8 if zero is None else zero.dtype)
    shift = _along(zero, x, attributes)
    return round_to_range(x / _along(scale, x, attributes), bounds.min - shift, bounds.max - shift) + shift


def _dequantize(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scale, zero = [*inputs, None][:3]
    x = x if x.is_floating_point() else x.to(scale.dtype)
    shifted: Tensor = x - _along(zero, x, attributes)
    return shifted * _along(scale, x, attributes)


def _along(given: Tensor | None, x: Tensor, attributes: Attributes) -> Tensor:
    """A scale or zero point in the type of ``x``: one for all of it, or one for each place of an axis; 0 for None."""
    if given is None:
        return x.new_zeros(())
    if given.numel() == 1:
        return given.to(x.dtype).reshape(())
    shape = [1] * x.dim()
    shape[int(attributes.get("axis", 1))] = -1
    return given.to(x.dtype).view(shape)


def _batch_norm(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias, mean, variance = inputs
    return F.batch_norm(x, mean, variance, weight, bias, eps=attributes.get("epsilon", 1e-5))


def _layer_norm(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias = [*inputs, None][:3]
    axis = int(attributes.get("axis", -1)) % x.dim()
    return F.layer_norm(x, x.shape[axis:], weight, bias, attributes.get("epsilon", 1e-5))


def _scatter_nd(inputs: list[Any], attributes: Attributes) -> Any:
    x, places, updates = inputs
    if attributes.get("reduction", "none") != "none":
        return NotImplemented
    return x.index_put(tuple(places.long().unbind(-1)), updates)


def _cumulative_sum(inputs: list[Any], attributes: Attributes) -> Any:
    if attributes.get("exclusive", 0) or attributes.get("reverse", 0):
        return NotImplemented
    return torch.cumsum(inputs[0], int(inputs[1]), dtype=inputs[0].dtype)


def _constant_of_shape(inputs: list[Any], attributes: Attributes) -> Tensor:
    value = attributes.get("value")
    filled = torch.zeros(1) if value is None else torch.from_numpy(value.numpy().copy())
    return filled.expand([int(size) for size in inputs[0].tolist()]).clone()


def _arg(run: Callable[..., Tensor]) -> Run:
    """The first place of the greatest or the least along an axis."""

    def find(inputs: list[Any], attributes: Attributes) -> Any:
        if attributes.get("select_last_index", 0):
            return NotImplemented
        return run(inputs[0], dim=int(attributes.get("axis", 0)), keepdim=bool(attributes.get("keepdims", 1)))

    return find


def _reduce(run: Callable[..., Tensor]) -> Run:
    def reduce(inputs: list[Any], attributes: Attributes) -> Tensor:
        x = inputs[0]
        given = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else list(range(x.dim()))
        return run(x, tuple(int(axis) for axis in given), keepdim=bool(attributes.get("keepdims", 1)))

    return reduce


def _compare(run: Callable[[Tensor, Tensor], Tensor]) -> Run:
    return lambda inputs, _: run(inputs[0], inputs[1])


def _map(run: Callable[[Tensor], Tensor]) -> Run:
    return lambda inputs, _: run(inputs[0])


OPERATORS: dict[str, Run] = {
    **TORCH,
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
    "And": _compare(torch.logical_and),
    "BatchNormalization": _batch_norm,
    "Ceil": _map(torch.ceil),
    "Conv": _conv,
    "Celu": lambda i, a: F.celu(i[0], a.get("alpha", 1.0)),
    "ConstantOfShape": _constant_of_shape,
    "Cos": _map(torch.cos),
    "CumSum": _cumulative_sum,
    "DequantizeLinear": _dequantize,
    "Einsum": lambda i, a: torch.einsum(str(a["equation"]), *i),
    "Equal": _compare(torch.eq),
    "Floor": _map(torch.floor),
    "GatherElements": lambda i, a: torch.gather(i[0], int(a.get("axis", 0)), i[1].long()),
    "Greater": _compare(torch.gt),
    "GreaterOrEqual": _compare(torch.ge),
    "LayerNormalization": _layer_norm,
    "Less": _compare(torch.lt),
    "LessOrEqual": _compare(torch.le),
    LINEAR: lambda i, _: torch.matmul(i[0], i[1]) + i[2],
    BLOCKED: lambda i, _: F.linear(*i),
    "Not": _map(torch.logical_not),
    "Or": _compare(torch.logical_or),
    "QuantizeLinear": _quantize,
    "ReduceL1": _reduce(lambda x, axes, keepdim: x.abs().sum(axes, keepdim=keepdim)),
    "ReduceLogSumExp": _reduce(torch.logsumexp),
    "ReduceSumSquare": _reduce(lambda x, axes, keepdim: x.square().sum(axes, keepdim=keepdim)),
    "Round": _map(torch.round),
    "ScatterND": _scatter_nd,
    "Sign": _map(torch.sign),
    "Sin": _map(torch.sin),
    "Softsign": _map(F.softsign),
    "Sum": lambda i, _: sum(i[1:], i[0]),
    "Tan": _map(torch.tan),
    "ThresholdedRelu": lambda i, a: F.threshold(i[0], a.get("alpha", 1.0), 0.0),
    "Tile": lambda i, _: i[0].repeat([int(times) for times in i[1].tolist()]),
    "Xor": _compare(torch.logical_xor),
}
"""By name; every one passes gradients, where it has any."""
