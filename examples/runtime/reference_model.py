"""ONNX's reference evaluator as a worker runs it. This file is sent to devices, and imports nothing of parefront."""

import functools
from collections.abc import Callable
from typing import Any


def describe(options: dict[str, Any]) -> dict[str, str]:
    import onnx  # ImportError where the device has none

    return {"version": onnx.__version__, "precision": "f32"}


class Model:
    def __init__(self, content: bytes, options: dict[str, Any], profiled: bool = False) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        model = onnx.load_from_string(content)
        self.evaluator = ReferenceEvaluator(model)
        self.inputs = [described(value) for value in model.graph.input]
        self.outputs = [described(value) for value in model.graph.output]

    def bind(self, feeds: dict[str, Any]) -> Callable[[], object]:
        return functools.partial(self.evaluator.run, None, feeds)

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(self.evaluator.output_names, self.evaluator.run(None, feeds), strict=True))


def described(value: Any) -> dict[str, Any]:
    import onnx

    kind = value.type.tensor_type
    name = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name.replace("float32", "float")
    return {
        "name": value.name,
        "shape": [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim],
        "type": f"tensor({name})",
    }
