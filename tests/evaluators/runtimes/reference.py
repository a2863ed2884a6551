"""A runtime that another package could bring: ONNX's own reference evaluator."""

from __future__ import annotations

SOURCE = """
import functools
import onnx
from onnx.reference import ReferenceEvaluator

KINDS = {1: "float", 7: "int64"}

def describe(options):
    if options.get("precision") == "f16":
        raise ValueError("the reference computes in no f16")
    return {"version": onnx.__version__, "precision": "f32"}

class Model:
    def __init__(self, content, options, profiled=False):
        self.evaluator = ReferenceEvaluator(onnx.ModelProto.FromString(content))
        self.inputs = [
            {
                "name": value.name,
                "shape": [axis.dim_value or None for axis in value.type.tensor_type.shape.dim],
                "type": f"tensor({KINDS[value.type.tensor_type.elem_type]})",
            }
            for value in self.evaluator.proto_.graph.input
        ]

    def bind(self, feeds):
        return functools.partial(self.evaluator.run, None, feeds)

    def run(self, feeds):
        return dict(zip(self.evaluator.output_names, self.evaluator.run(None, feeds)))

    def last_run(self):
        return [{"name": n.name or n.output[0], "op": n.op_type, "us": 2.0} for n in self.evaluator.proto_.graph.node]
"""
