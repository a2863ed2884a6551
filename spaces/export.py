"""The uncompressed model as a cleaned ONNX graph: exported once a run, and the one graph that all else is read from."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from torch import Tensor, nn

from .capture import onnx_program
from .errors import TraceError
from .folding import fold_parameters, initializer

IR_VERSION = 10


@dataclass(frozen=True, eq=False)
class Norm:
    """A batch norm that the export folds into the convolution before it; all arrays of shape ``(channels,)``.

    Attributes:
        scale: γ.
        shift: β.
        factor: γ/σ, what the convolution's weights are multiplied by.
    """

    scale: np.ndarray
    shift: np.ndarray
    factor: np.ndarray


@dataclass(frozen=True)
class Exported:
    """The cleaned graph, and the batch norm that was folded into each convolution.

    Attributes:
        graph: static height and width, constants folded, batch norms folded, zero padding absorbed.
        norms: the folded batch norms by the convolution's weight name.
    """

    graph: ir.Graph
    norms: dict[str, Norm]


def export(model: nn.Module, example: Tensor) -> Exported:
    """Export ``model`` on ``example`` (shape ``(batch >= 2, …)``) with a dynamic batch axis and clean it losslessly.

    Raises:
        TraceError: where ``torch.onnx.export`` cannot follow the model, or only for one batch size.
    """
    with quiet():
        program = onnx_program(model, example)
        fold_parameters(program.model.graph)
        norms = _norms(program.model.graph)
        program.optimize()
    graph = program.model.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise TraceError(f"expected one tensor in and one out, got {len(graph.inputs)} in and {len(graph.outputs)} out")
    for node in list(graph):
        _mean_to_pool(graph, node)
    for node in list(graph):
        _absorb_pad(graph, node)
    for node in list(graph):
        _free_uneven_pads(graph, node)
    return Exported(graph, norms)


def constant(value: ir.Value | None) -> np.ndarray | None:
    """The constant that a value holds, or None for what is computed (or absent)."""
    if value is None or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy())


def _norms(graph: ir.Graph) -> dict[str, Norm]:
    """The batch norm right behind each convolution, by the convolution's weight name."""
    found = {}
    for node in graph:
        before = node.inputs[0].producer() if node.op_type == "BatchNormalization" and node.inputs[0] else None
        if before is None or before.op_type != "Conv" or before.inputs[1] is None:
            continue
        gamma, beta, _, variance = (constant(value) for value in node.inputs[1:5])
        if variance is None:
            continue
        gamma = np.ones_like(variance) if gamma is None else gamma  # an affine-free norm: constants behind Expand
        beta = np.zeros_like(variance) if beta is None else beta
        epsilon = node.attributes.get_float("epsilon", 1e-5)
        found[str(before.inputs[1].name)] = Norm(gamma, beta, gamma / np.sqrt(variance + epsilon))
    return found


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
