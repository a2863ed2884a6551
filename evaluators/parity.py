"""Whether an artefact computes what the network computes: ONNX Runtime against torch on a few inputs."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, fx

from ..spaces import Emittable
from .accuracy import output_batches
from .emit import UnknownModule, serialize

FLOAT_TOLERANCE = 1e-3
"""Largest difference allowed in float, relative to the largest output."""
INTEGER_TOLERANCE = 0.1
"""Largest root mean square difference allowed with integers, relative to the outputs' own deviation: where torch and
the runtime round a value between two integers differently, the difference grows through the layers behind."""


class ParityError(Exception):
    """An artefact that does not compute what its network computes."""


def check_parity(session: ort.InferenceSession, net: fx.GraphModule, inputs: Tensor) -> float:
    """Compare an artefact's outputs to its network's on ``inputs``.

    Returns:
        The difference, relative as the tolerance that applies.

    Raises:
        ParityError: where it is beyond the tolerance, or not finite.
    """
    with torch.no_grad():
        expected = net(inputs).numpy()
    actual = np.concatenate(list(output_batches(session, inputs.numpy(), len(inputs))))
    return compare(expected, actual, any(isinstance(m, Emittable) for m in net.modules()))


def compare(expected: np.ndarray, actual: np.ndarray, integers: bool) -> float:
    """The relative difference of two outputs; see :func:`check_parity`."""
    if expected.shape != actual.shape:
        raise ParityError(f"the artefact gives shape {actual.shape}, the network {expected.shape}")
    gap = np.abs(actual - expected)
    if integers:
        difference = float(np.sqrt((gap**2).mean())) / (float(expected.std()) or 1.0)
    else:
        difference = float(gap.max()) / (float(np.abs(expected).max()) or 1.0)
    tolerance = INTEGER_TOLERANCE if integers else FLOAT_TOLERANCE
    if not difference <= tolerance:
        raise ParityError(f"the artefact's outputs differ from the network's by {difference:.1e} (allowed {tolerance})")
    return difference


def prove(net: fx.GraphModule, inputs: Tensor) -> None:
    """Show that a network can be emitted, loaded and run, with equal outputs.

    Raises:
        ParityError, or what the emitter or the runtime raises: where it cannot.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        data = serialize(net, inputs)
    except UnknownModule:
        return
    check_parity(ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]), net, inputs)
