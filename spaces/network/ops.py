"""ONNX operators without weights as torch modules, so that one graph can be run, traced, edited and emitted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..tensors.sharing import to_array

if TYPE_CHECKING:
    import onnx_ir as ir

Attributes = Mapping[str, Any]


class Op(nn.Module):
    """One ONNX node whose constant inputs are held as buffers.

    Attributes:
        op_type: the ONNX operator, e.g. ``"Relu"``.
        attributes: its attributes as plain Python values.
        constants: input position → name of the buffer that holds the constant.
        arity: number of inputs, constants and absent ones included.
        absent: positions of optional inputs that are left out.
        outputs: number of outputs; more than one makes ``forward`` return a tuple.
    """

    def __init__(
        self,
        op_type: str,
        attributes: Attributes | None = None,
        constants: Mapping[int, Tensor] | None = None,
        arity: int = 1,
        absent: Sequence[int] = (),
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.op_type = op_type
        self.attributes = dict(attributes or {})
        self.arity = arity
        self.absent = tuple(absent)
        self.outputs = outputs
        self.constants: dict[int, str] = {}
        for position, tensor in (constants or {}).items():
            self.constants[position] = f"constant_{position}"
            self.register_buffer(f"constant_{position}", tensor)

    def forward(self, *computed: Tensor) -> Any:
        rest = iter(computed)
        inputs: list[Tensor | None] = []
        for position in range(self.arity):
            if position in self.constants:
                inputs.append(self.get_buffer(self.constants[position]))
            else:
                inputs.append(None if position in self.absent else next(rest))
        run = TORCH.get(self.op_type)
        result = run(inputs, self.attributes) if run else NotImplemented
        return _reference(self, inputs) if result is NotImplemented else result

    def constant(self, position: int) -> np.ndarray | None:
        """The constant at an input position, or None."""
        name = self.constants.get(position)
        return None if name is None else to_array(self.get_buffer(name))

    def extra_repr(self) -> str:
        return self.op_type


def _pool(inputs: list[Any], attributes: Attributes) -> tuple[Tensor, list[int], list[int], list[int], bool]:
    """Input padded so that torch's symmetric pools give ONNX's result; kernel, stride and symmetric padding."""
    kernel = list(attributes["kernel_shape"])
    rank = len(kernel)
    strides = list(attributes.get("strides") or [1] * rank)
    pads = list(attributes.get("pads") or [0] * (2 * rank))
    return inputs[0], kernel, strides, pads, bool(attributes.get("ceil_mode", 0))


def _torch_pads(pads: Sequence[int]) -> list[int]:
    """ONNX pads (all begins, then all ends) as torch's (last axis first, begin and end together)."""
    rank = len(pads) // 2
    return [int(p) for axis in reversed(range(rank)) for p in (pads[axis], pads[rank + axis])]


def _max_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, kernel, strides, pads, ceil = _pool(inputs, attributes)
    rank = len(kernel)
    dilations = list(attributes.get("dilations") or [1] * rank)
    if pads[:rank] != pads[rank:]:
        x, pads = F.pad(x, _torch_pads(pads), value=float("-inf")), [0] * (2 * rank)
    run = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[rank - 1]
    return run(x, kernel, strides, pads[:rank], dilations, ceil)


def _average_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, kernel, strides, pads, ceil = _pool(inputs, attributes)
    rank = len(kernel)
    include = bool(attributes.get("count_include_pad", 0))
    run = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[rank - 1]
    if pads[:rank] == pads[rank:]:
        return run(x, kernel, strides, pads[:rank], ceil_mode=ceil, count_include_pad=include)
    pooled = run(F.pad(x, _torch_pads(pads)), kernel, strides, ceil_mode=ceil)
    if include:
        return pooled
    return pooled / run(F.pad(torch.ones_like(x[:1, :1]), _torch_pads(pads)), kernel, strides, ceil_mode=ceil)


def _pad(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, pads = inputs[0], inputs[1].tolist()
    fill = float(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else 0.0
    if len(inputs) > 3 and inputs[3] is not None:
        axes = [int(a) % x.dim() for a in inputs[3].tolist()]
        full = [0] * (2 * x.dim())
        for i, axis in enumerate(axes):
            full[axis], full[x.dim() + axis] = pads[i], pads[len(axes) + i]
        pads = full
    mode = attributes.get("mode", "constant")
    if mode == "constant":
        return F.pad(x, _torch_pads(pads), value=fill)
    for axis in range(x.dim()):
        begin, end = pads[axis], pads[x.dim() + axis]
        if begin or end:
            x = x.index_select(axis, _padded_places(x.shape[axis], begin, end, mode))
    return x  # type: ignore[no-any-return]


def _padded_places(size: int, begin: int, end: int, mode: str) -> Tensor:
    """For each place of an axis that is padded from itself, the place of the unpadded axis that it is a copy of."""
    places = torch.arange(-begin, size + end)
    if mode == "wrap":
        return places % size
    if mode == "reflect":
        period = max(1, 2 * (size - 1))
        places = places % period
        return torch.minimum(places, period - places)
    return places.clamp(0, size - 1)


def _slice(inputs: list[Any], _: Attributes) -> Any:
    x, starts, ends = inputs[0], inputs[1].tolist(), inputs[2].tolist()
    axes = inputs[3].tolist() if len(inputs) > 3 and inputs[3] is not None else range(len(starts))
    steps = inputs[4].tolist() if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    if any(step < 0 for step in steps):
        return NotImplemented
    where: list[slice] = [slice(None)] * x.dim()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.shape[int(axis)]
        where[int(axis)] = slice(max(int(start), -size), min(int(end), size), int(step))
    return x[tuple(where)]


def _reshape(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, shape = inputs[0], [int(s) for s in inputs[1].tolist()]
    if not attributes.get("allowzero", 0):
        shape = [x.shape[i] if s == 0 else s for i, s in enumerate(shape)]
    return torch.reshape(x, shape)


def _flatten(inputs: list[Any], attributes: Attributes) -> Tensor:
    axis = int(attributes.get("axis", 1))
    axis = axis + inputs[0].dim() if axis < 0 else axis
    return torch.flatten(inputs[0], 1) if axis == 1 else inputs[0].reshape(int(np.prod(inputs[0].shape[:axis])), -1)


def _split(inputs: list[Any], attributes: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], int(attributes.get("axis", 0))
    if len(inputs) > 1 and inputs[1] is not None:
        return tuple(torch.split(x, [int(s) for s in inputs[1].tolist()], axis))
    parts = int(attributes["num_outputs"])
    return tuple(torch.split(x, -(-x.shape[axis] // parts), axis))


def _squeeze(inputs: list[Any], _: Attributes) -> Tensor:
    x = inputs[0]
    axes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else None
    return x.squeeze() if axes is None else x.squeeze(tuple(int(a) for a in axes))  # type: ignore[no-any-return]


def _unsqueeze(inputs: list[Any], _: Attributes) -> Tensor:
    x, axes = inputs[0], [int(a) for a in inputs[1].reshape(-1).tolist()]
    rank = x.dim() + len(axes)
    for axis in sorted(a % rank for a in axes):
        x = x.unsqueeze(axis)
    return x  # type: ignore[no-any-return]


def _gather(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, index, axis = inputs[0], inputs[1].long(), int(attributes.get("axis", 0)) % inputs[0].dim()
    index = torch.where(index < 0, index + x.shape[axis], index)
    taken = x.index_select(axis, index.reshape(-1))
    return torch.reshape(taken, (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


def _shape(inputs: list[Any], attributes: Attributes) -> Tensor:
    shape = torch.tensor(list(inputs[0].shape), dtype=torch.int64)
    return shape[attributes.get("start", 0) : attributes.get("end", None)]


def _reduce(run: Callable[..., Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    def reduce(inputs: list[Any], attributes: Attributes) -> Tensor:
        x = inputs[0]
        axes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else list(range(x.dim()))
        return run(x, tuple(int(a) for a in axes), keepdim=bool(attributes.get("keepdims", 1)))

    return reduce


def _clip(inputs: list[Any], _: Attributes) -> Tensor:
    low, high = ([*inputs, None, None])[1:3]
    return torch.clamp(inputs[0], None if low is None else float(low), None if high is None else float(high))


def _depth_to_space(inputs: list[Any], attributes: Attributes) -> Any:
    shuffles = inputs[0].dim() == 4 and attributes.get("mode", "DCR") == "CRD"
    return F.pixel_shuffle(inputs[0], int(attributes["blocksize"])) if shuffles else NotImplemented


def _resize(inputs: list[Any], attributes: Attributes) -> Any:
    x, mode = inputs[0], attributes.get("mode", "nearest")
    coordinates = attributes.get("coordinate_transformation_mode", "half_pixel")
    scales = inputs[2] if len(inputs) > 2 and inputs[2] is not None and inputs[2].numel() else None
    sizes = inputs[3] if len(inputs) > 3 and inputs[3] is not None else None
    how: dict[str, Any] = (
        {"size": [int(s) for s in sizes.tolist()[2:]]}
        if scales is None and sizes is not None
        else {"scale_factor": scales.tolist()[2:], "recompute_scale_factor": False}  # type: ignore[union-attr]
    )
    if mode == "nearest":
        rounding = (coordinates, attributes.get("nearest_mode", "round_prefer_floor"))
        return F.interpolate(x, mode="nearest", **how) if rounding == ("asymmetric", "floor") else NotImplemented
    kind = {"linear1": "linear", "linear2": "bilinear", "linear3": "trilinear", "cubic2": "bicubic"}.get(
        f"{mode}{x.dim() - 2}"
    )
    same = coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners") and not attributes.get("antialias", 0)
    if kind is None or not same or (mode == "cubic" and attributes.get("cubic_coeff_a", -0.75) != -0.75):
        return NotImplemented
    return F.interpolate(x, mode=kind, align_corners=coordinates == "align_corners", **how)


def _conv(inputs: list[Any], attributes: Attributes) -> Any:
    x, weight, bias = [*inputs, None][:3]
    rank = weight.dim() - 2
    pads = list(attributes.get("pads") or [0] * (2 * rank))
    if attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return NotImplemented
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    strides, dilations = attributes.get("strides") or [1] * rank, attributes.get("dilations") or [1] * rank
    return run(F.pad(x, _torch_pads(pads)), weight, bias, strides, 0, dilations, attributes.get("group", 1))


def _gemm(inputs: list[Any], attributes: Attributes) -> Tensor:
    left, right, added = [*inputs, None][:3]
    left, right = (m.T if attributes.get(f"trans{n}", 0) else m for m, n in ((left, "A"), (right, "B")))
    product = attributes.get("alpha", 1.0) * (left @ right)
    return product if added is None else product + attributes.get("beta", 1.0) * added  # type: ignore[no-any-return]


def _conv_transpose(inputs: list[Any], attributes: Attributes) -> Any:
    x, weight, bias = [*inputs, None][:3]
    rank = weight.dim() - 2
    pads = list(attributes.get("pads") or [0] * (2 * rank))
    if pads[:rank] != pads[rank:] or attributes.get("output_shape") or attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return NotImplemented
    run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    strides, dilations = attributes.get("strides") or [1] * rank, attributes.get("dilations") or [1] * rank
    extra = attributes.get("output_padding") or [0] * rank
    return run(x, weight, bias, strides, pads[:rank], extra, attributes.get("group", 1), dilations)


def _unary(run: Callable[[Tensor], Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    return lambda inputs, _: run(inputs[0])


def _binary(run: Callable[[Tensor, Tensor], Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    return lambda inputs, _: run(inputs[0], inputs[1])


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


_DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64}

TORCH: dict[str, Callable[[list[Any], Attributes], Any]] = {
    "Abs": _unary(torch.abs),
    "Add": _binary(torch.add),
    "AveragePool": _average_pool,
    "Cast": lambda i, a: i[0].to(_DTYPES[int(a["to"])]),
    "Clip": _clip,
    "Concat": lambda i, a: torch.cat(i, int(a["axis"])),
    "Constant": lambda i, _: i[0],
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": _binary(_divide),
    "Elu": lambda i, a: F.elu(i[0], a.get("alpha", 1.0)),
    "Erf": _unary(torch.erf),
    "Exp": _unary(torch.exp),
    "Expand": lambda i, _: i[0] * torch.ones([int(s) for s in i[1].tolist()], dtype=i[0].dtype),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "Gelu": lambda i, a: F.gelu(i[0], approximate=a.get("approximate", "none")),
    "GlobalAveragePool": lambda i, _: i[0].mean(tuple(range(2, i[0].dim())), keepdim=True),
    "GlobalMaxPool": lambda i, _: i[0].amax(tuple(range(2, i[0].dim())), keepdim=True),
    "GroupNormalization": lambda i, a: F.group_norm(i[0], int(a["num_groups"]), i[1], i[2], a.get("epsilon", 1e-5)),
    "HardSigmoid": lambda i, a: torch.clamp(i[0] * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1),
    "HardSwish": lambda i, _: F.hardswish(i[0]),
    "Identity": _unary(lambda x: x),
    "LeakyRelu": lambda i, a: F.leaky_relu(i[0], a.get("alpha", 0.01)),
    "InstanceNormalization": lambda i, a: F.instance_norm(i[0], weight=i[1], bias=i[2], eps=a.get("epsilon", 1e-5)),
    "Log": _unary(torch.log),
    "LogSoftmax": lambda i, a: torch.log_softmax(i[0], int(a.get("axis", -1))),
    "MatMul": _binary(torch.matmul),
    "Max": lambda i, _: functools.reduce(torch.maximum, i),
    "MaxPool": _max_pool,
    "Min": lambda i, _: functools.reduce(torch.minimum, i),
    "Mish": _unary(F.mish),
    "Mul": _binary(torch.mul),
    "Neg": _unary(torch.neg),
    "PRelu": lambda i, _: torch.where(i[0] >= 0, i[0], i[0] * i[1]),
    "Pad": _pad,
    "Pow": _binary(torch.pow),
    "Range": lambda i, _: torch.arange(i[0].item(), i[1].item(), i[2].item(), dtype=i[0].dtype),
    "Reciprocal": _unary(torch.reciprocal),
    "ReduceL2": _reduce(lambda x, axes, keepdim: torch.linalg.vector_norm(x, dim=axes, keepdim=keepdim)),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _unary(F.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Selu": _unary(F.selu),
    "Sigmoid": _unary(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda i, a: torch.softmax(i[0], int(a.get("axis", -1))),
    "Softplus": _unary(F.softplus),
    "Split": _split,
    "Sqrt": _unary(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _binary(torch.sub),
    "Tanh": _unary(torch.tanh),
    "Transpose": lambda i, a: i[0].permute(*a["perm"]) if a.get("perm") else i[0].permute(*reversed(range(i[0].dim()))),
    "Unsqueeze": _unsqueeze,
    "Where": lambda i, _: torch.where(i[0], i[1], i[2]),
}
"""What each operator computes. One that is not here runs in ONNX's reference implementation: slow, but right."""


def _reference(op: Op, inputs: list[Tensor | None]) -> Any:
    """Run one node in ONNX's reference implementation; no gradient flows through it."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    from .capture import OPSET

    names = [f"i{n}" if tensor is not None else "" for n, tensor in enumerate(inputs)]
    outputs = [f"o{n}" for n in range(op.outputs)]
    node = onnx.helper.make_node(op.op_type, names, outputs, **op.attributes)
    feeds = {name: tensor.detach().numpy() for name, tensor in zip(names, inputs, strict=True) if tensor is not None}
    results = ReferenceEvaluator(node, opsets={"": OPSET}).run(None, feeds)
    tensors = tuple(torch.from_numpy(np.array(r)) for r in results)
    return tensors if op.outputs > 1 else tensors[0]


def plain_attributes(node: ir.Node) -> dict[str, Any]:
    """The attributes of a node of an ONNX graph as plain Python values, lists where there are several."""
    plain: dict[str, Any] = {}
    for name, attribute in node.attributes.items():
        value = attribute.value
        plain[name] = list(value) if isinstance(value, tuple | list) else value
    return plain
