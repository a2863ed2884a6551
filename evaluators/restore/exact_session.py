"""Sessions of ONNX Runtime for what a file says, not for how fast it says it: the same outputs on every CPU."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from ...spaces.cores import core_count
from ...spaces.network.branches import all_initializers

SAFE = 64
"""The largest 8-bit weight of which two products with unsigned activations fit into 16 bits: 2 · 255 · 64 < 2^15."""


def exact_session(model: Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """A session on this machine's CPU, with ``threads`` threads (by default one for each core that this process
    may use).

    On x86 without VNNI, products of 8-bit layers are summed in pairs that saturate at 16 bits. Files that Parefront
    makes for such a device keep their weights within 7 bits. A file for another device may hold all 8, and is scored on
    the machine that searches: where sums saturate there, such a file is computed in floats, two to three times slower
    and the same but for the last bits. (ONNX Runtime's own way out, ``session.x64quantprecision``, fails in 1.32 where
    layers share a zero point.)
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or core_count()
    options.inter_op_num_threads = 1
    # For signed activations on x86, where onnxruntime else rewrites them as unsigned and at times breaks the model.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    if sums_saturate() and has_wide_weights(model):
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    given = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])


@cache
def sums_saturate() -> bool:
    """Whether sums of products of unsigned and signed 8-bit numbers saturate in ONNX Runtime on this machine: tried."""
    inner, columns = 8, 16
    a = helper.make_tensor_value_info("a", TensorProto.UINT8, [1, inner])
    y = helper.make_tensor_value_info("y", TensorProto.INT32, [1, columns])
    b = numpy_helper.from_array(np.full((inner, columns), 127, np.int8), "b")
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b"], ["y"])], "sums", [a], [y], [b])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    sums = session.run(None, {"a": np.full((1, inner), 255, np.uint8)})[0]
    return bool((sums != inner * 255 * 127).any())


def has_wide_weights(model: Path | bytes) -> bool:
    """Whether 8-bit weights of a file are larger than `SAFE`."""
    proto = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
    tensors = (tensor for tensor in all_initializers(proto.graph) if tensor.data_type == TensorProto.INT8)
    weights = (numpy_helper.to_array(tensor) for tensor in tensors)
    return any(codes.size and (codes.min() < -SAFE or codes.max() > SAFE) for codes in weights)
