"""OpenVINO's own format: a description in XML, and the weights in a file beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .openvino_model import imported
from .openvino_runtime import OpenVino, reason
from .runtime import ModelRejected, RuntimeUnavailable

GROUP = "parefront"
"""Of ``rt_info``, where provenance stands in the description."""
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
"""What the name of an element cannot have."""


def write_ir(content: bytes, path: Path, facts: Mapping[str, str]) -> None:
    """Write an ONNX file as OpenVINO's ``path``, which ends in ``.xml``, and ``.bin``; floats keep their 32 bits.

    Args:
        content: a file without functions of its own.
        path: where the description goes.
        facts: what the description says of where it comes from, by key.

    Raises:
        RuntimeUnavailable: where OpenVINO is not installed.
        ModelRejected: where it does not take the file; with the reason.
    """
    if OpenVino().version() is None:
        raise RuntimeUnavailable(f"openvino is not installed here: {OpenVino.install}")
    openvino = imported()
    try:
        model = openvino.Core().read_model(content)
        for key, value in facts.items():
            model.set_rt_info(value, [GROUP, _NO_NAME.sub("_", key)])
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise ModelRejected(f"openvino does not take the file: {reason(error)}") from error


def run_ir(path: Path, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The outputs of OpenVINO's files by name, computed in float32 on this machine's CPU.

    Raises:
        ModelRejected: where OpenVINO does not load or run them.
    """
    openvino = imported()
    core = openvino.Core()
    try:
        model = core.read_model(path)
        model.reshape({port: list(feeds[port.get_any_name()].shape) for port in model.inputs})
        ready = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1})
        found = ready.create_infer_request().infer(
            {port.get_any_name(): feeds[port.get_any_name()] for port in model.inputs}
        )
    except RuntimeError as error:
        raise ModelRejected(f"openvino does not run the file: {reason(error)}") from error
    return {port.get_any_name(): np.array(found[index]) for index, port in enumerate(model.outputs)}
