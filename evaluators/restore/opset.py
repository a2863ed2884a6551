"""A file for software of another age: the same network in the operators of an older or newer version of ONNX."""

from __future__ import annotations

import onnx
from onnx import checker, helper, version_converter

from ...spaces.errors import ConfigError
from ...spaces.messages import first_line
from .plain import plain

OPSETS = range(13, 24)
"""Those that files can be written in: per-channel quantisation came with 13."""


def portable(content: bytes) -> bytes:
    """A file with plain weights, which declares no operators of others that it does not use.

    See :func:`plain`; ``content`` itself where there is nothing to do.
    """
    made = plain(content)
    model = onnx.ModelProto.FromString(made)
    unused = _unused(model)
    if not unused:
        return made
    for imported in unused:
        model.opset_import.remove(imported)
    return bytes(model.SerializeToString(deterministic=True))


def at_opset(content: bytes, version: int) -> bytes:
    """A portable file in the operators of another version, and in the oldest format that knows them.

    ONNX's own converter is asked first. It lacks steps between versions that differ in the types of an operator alone
    (ReLU before version 14); there the version is written down as it is, which ONNX's checker has to find correct.
    That outputs are the same is for the caller to make sure of.

    Args:
        content: as :func:`portable` gives it.
        version: of the standard operators, one of :data:`OPSETS`.

    Raises:
        ConfigError: where there is no such version here, or the network has no form in it; with the reason.
    """
    if version not in OPSETS:
        raise ConfigError(f"opset: expected {OPSETS.start} to {OPSETS.stop - 1}, got {version}")
    model = onnx.ModelProto.FromString(content)
    if _standard(model).version == version:
        return content
    try:
        made = version_converter.convert_version(model, version)
    except (RuntimeError, ValueError, version_converter.ConvertError):
        made = onnx.ModelProto.FromString(content)
        _standard(made).version = version
    made.ir_version = helper.find_min_ir_version_for([_standard(made)])
    try:
        checker.check_model(made, full_check=True)
    except (checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConfigError(f"opset {version}: the network has no form in it ({first_line(error)})") from None
    return bytes(made.SerializeToString(deterministic=True))


def _standard(model: onnx.ModelProto) -> onnx.OperatorSetIdProto:
    """What it says of the standard operators."""
    found: onnx.OperatorSetIdProto = next(o for o in model.opset_import if o.domain in ("", "ai.onnx"))
    return found


def _unused(model: onnx.ModelProto) -> list[onnx.OperatorSetIdProto]:
    """The declarations of operators of others that are in no graph and no function."""
    used = {"", "ai.onnx"} | {function.domain for function in model.functions}
    waiting = [model.graph.node, *(function.node for function in model.functions)]
    while waiting:
        for node in waiting.pop():
            used.add(node.domain)
            waiting += [graph.node for attribute in node.attribute for graph in (attribute.g, *attribute.graphs)]
    return [imported for imported in model.opset_import if imported.domain not in used]
