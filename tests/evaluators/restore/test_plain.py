"""Files whose weights are packed, made plain: the same outputs, bit for bit, and no function of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.checker
import pytest

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.target import Target
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.restore.plain import is_packed, plain
from parefront.spaces.network.emit import emit
from parefront.testing.specimen import specimen

PACKED: dict[str, dict[str, dict[str, Any]]] = {
    "sparse": {"prune_weights": {"sparsities": [0.7]}},
    "shared": {"share_weights": {"clusters": [16]}},
    "sparse and shared": {"prune_weights": {"sparsities": [0.9]}, "share_weights": {"clusters": [4]}},
    "4 bits": {"quantize": {"bits": [32, 4]}},
    "early exits": {"early_exit": {"places": 1}, "share_weights": {"clusters": [16]}},
}


def packed_file(methods: dict[str, dict[str, Any]], path: Path) -> bytes:
    """A network compressed as far as the methods go."""
    subject = specimen("residual")
    pipeline = Pipeline.of([create(name, options, Target()) for name, options in methods.items()], subject.graph)
    policy = pipeline.space.decode({knob.name: knob.choices[-1] for knob in pipeline.space})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    emit(net, path, subject.calibration.example)
    return path.read_bytes()


@pytest.mark.parametrize("name", PACKED)
def test_a_plain_file_computes_the_same(name: str, tmp_path: Path) -> None:
    content = packed_file(PACKED[name], tmp_path / "packed.onnx")
    assert is_packed(content)
    made = plain(content)
    assert not is_packed(made)
    model = onnx.ModelProto.FromString(made)
    onnx.checker.check_model(model, full_check=True)
    assert not model.functions
    assert "parefront" not in {imported.domain for imported in model.opset_import}
    images = specimen("residual").images[:3].numpy()
    before, after = (exact_session(data).run(None, {"input": images}) for data in (content, made))
    assert all(np.array_equal(one, two) for one, two in zip(before, after, strict=True))
    assert plain(made) is made, "what is plain stays as it is, byte for byte"
    assert plain(content) == made, "equal files give equal bytes"
