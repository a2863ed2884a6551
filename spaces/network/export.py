"""The uncompressed model as a cleaned ONNX graph: exported once a run, and the one graph that all else is read from."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx_ir as ir
from torch import nn

from ..errors import TraceError
from ..tensors.batch import Tensors, named
from ..tensors.signature import INPUT, OUTPUT
from .capture import onnx_program
from .folding import fold_parameters, initializer
from .owners import Owner, name_shared_modules, owners_of

IR_VERSION = 10


@dataclass(frozen=True, eq=False)
class Norm:
    """A batch norm that the export folds into the convolution before it; all arrays of shape ``(channels,)``.

    Attributes:
        scale: γ.
        shift: β.
        factor: γ/σ, what the convolution's weights are multiplied by.
        mean: μ.
    """

    scale: np.ndarray
    shift: np.ndarray
    factor: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class Exported:
    """The cleaned graph, and the batch norm that was folded into each convolution.

    Attributes:
        graph: static height and width, constants folded, batch norms folded, zero padding absorbed.
        norms: the folded batch norms by the convolution's weight name.
        owners: the user's modules that own parameters, and what became of these.
        inputs, outputs: names of the graph's, in order.
    """

    graph: ir.Graph
    norms: dict[str, Norm]
    owners: tuple[Owner, ...] = ()
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[str, ...] = (OUTPUT,)

    @cached_property
    def tied(self) -> frozenset[str]:
        """The modules of which a weight is another module's too."""
        return frozenset(scope for owner in self.owners if owner.tied for scope in owner.scopes if scope)


def export(model: nn.Module, example: Tensors, outputs: Sequence[str] = (OUTPUT,)) -> Exported:
    """Export ``model`` on ``example`` (shape ``(batch >= 2, …)``) with a dynamic batch axis and clean it losslessly.

    Args:
        model: takes the tensors of ``example`` one by one, and returns one tensor or a tuple of them.
        example: the one tensor, or several with their names.
        outputs: names of what the model returns.

    Raises:
        TraceError: where ``torch.onnx.export`` cannot follow the model, or only for one batch size.
    """
    with quiet():
        program = onnx_program(model, example, outputs)
        name_shared_modules(program.model.graph, model)
        owners = owners_of(program.model.graph, model)
        fold_parameters(program.model.graph)
        norms = _norms(program.model.graph)
        program.optimize()
    graph = program.model.graph
    _fold_shared(graph, norms)
    for what, values, names in (("input", graph.inputs, [*named(example, INPUT)]), ("output", graph.outputs, outputs)):
        if len(values) != len(names):
            raise TraceError(
                f"expected {len(names)} {what}s ({', '.join(names)}), the exported graph has {len(values)}"
            )
    for node in list(graph):
        _mean_to_pool(graph, node)
    for node in list(graph):
        _absorb_pad(graph, node)
    for node in list(graph):
        _free_uneven_pads(graph, node)
    return Exported(graph, norms, owners, tuple(named(example, INPUT)), tuple(outputs))


def constant(value: ir.Value | None) -> np.ndarray | None:
    """The constant that a value holds, or None for what is computed (or absent)."""
    if value is None or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy())


def _norms(graph: ir.Graph) -> dict[str, Norm]:
    """The batch norm right behind each convolution, by the convolution's weight name.

    A convolution that is called more than once has one where the same norm is behind every call.
    """
    found: dict[str, list[Norm | None]] = {}
    for node in graph:
        if node.op_type == "Conv" and node.inputs[1] is not None:
            found.setdefault(str(node.inputs[1].name), []).append(_norm_behind(node))
    return {name: norms[0] for name, norms in found.items() if norms[0] is not None and _agree(norms)}


def _norm_behind(conv: ir.Node) -> Norm | None:
    norms = [reader for reader, _ in conv.outputs[0].uses() if reader.op_type == "BatchNormalization"]
    if len(norms) != 1:
        return None
    (node,) = norms
    gamma, beta, mean, variance = (constant(value) for value in node.inputs[1:5])
    if variance is None or mean is None:
        return None
    gamma = np.ones_like(variance) if gamma is None else gamma  # an affine-free norm: constants behind Expand
    beta = np.zeros_like(variance) if beta is None else beta
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    return Norm(gamma, beta, gamma / np.sqrt(variance + epsilon), mean)


def _agree(norms: Sequence[Norm | None]) -> bool:
    first = norms[0]
    assert first is not None
    return all(
        norm is not None and all(map(np.array_equal, vars(first).values(), vars(norm).values())) for norm in norms[1:]
    )


def _fold_shared(graph: ir.Graph, norms: dict[str, Norm]) -> None:
    """Fold the norms behind convolutions that are called more than once, which the exporter leaves, into one weight.

    Norms that cannot be folded behind every call are forgotten.
    """
    left: dict[str, list[tuple[ir.Node, ir.Node]]] = {}
    for node in graph:
        conv = node.inputs[0].producer() if node.op_type == "BatchNormalization" and node.inputs[0] else None
        if conv is not None and conv.op_type == "Conv" and conv.inputs[1] is not None:
            left.setdefault(str(conv.inputs[1].name), []).append((conv, node))
    for name, calls in left.items():
        norm, held = norms.pop(name, None), calls[0][0].inputs[1]
        alone = all(len(conv.outputs[0].uses()) == 1 for conv, _ in calls)
        weight = constant(held)
        if held is None or weight is None or norm is None or not alone or len(held.uses()) != len(calls):
            continue
        norms[name] = norm
        bias = constant(calls[0][0].inputs[2]) if len(calls[0][0].inputs) > 2 else None
        shift = norm.shift + ((0.0 if bias is None else bias) - norm.mean) * norm.factor
        scaled = weight * norm.factor.reshape(-1, *[1] * (weight.ndim - 1))
        constants = (_held(name, scaled), _held(f"{name}_bias", shift))
        for conv, node in calls:
            made = ir.node("Conv", [conv.inputs[0], *constants], attributes=conv.attributes, name=conv.name)
            made.metadata_props.update(conv.metadata_props)
            _replace(graph, node, [made])
            graph.remove(conv, safe=True)


def _held(name: str, array: np.ndarray) -> ir.Value:
    tensor = ir.Tensor(array.astype(np.float32), name=name)
    return ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)


def _mean_to_pool(graph: ir.Graph, node: ir.Node) -> None:
    """A mean over height and width is a global average pool, which has an integer kernel; the mean has none."""
    if node.op_type != "ReduceMean" or len(node.inputs) < 2:
        return
    axes, source = constant(node.inputs[1]), node.inputs[0]
    if axes is None or source is None or source.shape is None or len(source.shape) != 4:
        return
    if sorted(int(a) % 4 for a in axes.ravel()) != [2, 3]:
        return
    pool = ir.node("GlobalAveragePool", [source])
    added = [pool]
    if not node.attributes.get_int("keepdims", 1):
        added.append(ir.node("Flatten", [pool.outputs[0]], attributes={"axis": 1}))
    _replace(graph, node, added)


def _absorb_pad(graph: ir.Graph, node: ir.Node) -> None:
    """Spatial zero padding right before a convolution becomes the convolution's own padding."""
    if node.op_type != "Pad" or node.attributes.get_string("mode", "constant") != "constant":
        return
    pads, source = constant(node.inputs[1]), node.inputs[0]
    fill = constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] is not None else np.zeros(1)
    if pads is None or fill is None or np.any(fill) or len(node.inputs) > 3 or source is None or len(pads) != 8:
        return
    readers = [reader for reader, _ in node.outputs[0].uses()]
    if not readers or any(reader.op_type != "Conv" for reader in readers):
        return
    if np.any(pads[[0, 1, 4, 5]]) or np.any(pads < 0):
        return
    for reader in readers:
        own = np.asarray(reader.attributes.get_ints("pads", (0, 0, 0, 0)))
        reader.attributes["pads"] = ir.AttrInt64s("pads", [int(p) for p in own + pads[[2, 3, 6, 7]]])
        reader.replace_input_with(0, source)
    graph.remove(node, safe=True)


def _free_uneven_pads(graph: ir.Graph, node: ir.Node) -> None:
    """Padding of a sequence or a volume that differs at its two ends becomes a Pad: torch's own has one number."""
    own = node.attributes.get_ints("pads", ()) if node.op_type == "Conv" else ()
    rank = len(own or ()) // 2
    if not own or rank == 2 or list(own[:rank]) == list(own[rank:]):
        return
    sizes = np.array([0, 0, *own[:rank], 0, 0, *own[rank:]], np.int64)
    pad = ir.node("Pad", [node.inputs[0], initializer(f"{node.name}_pads", sizes)])
    pad.outputs[0].name, pad.outputs[0].type = f"{node.outputs[0].name}_padded", node.outputs[0].type
    graph.insert_before(node, pad)
    node.replace_input_with(0, pad.outputs[0])
    node.attributes["pads"] = ir.AttrInt64s("pads", [0] * len(own))


def _replace(graph: ir.Graph, node: ir.Node, added: list[ir.Node]) -> None:
    old, new = node.outputs[0], added[-1].outputs[0]
    new.shape, new.type, new.name = old.shape, old.type, old.name
    for between in added[:-1]:
        between.outputs[0].name = f"{old.name}_{between.op_type.lower()}"
    ir.convenience.replace_nodes_and_values(graph, node, [node], added, [old], [new])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's chatter: what matters of it is in the exceptions."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        said = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
