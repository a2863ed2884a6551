"""Whether an artefact computes what the network computes: ONNX Runtime against torch on a few inputs."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, fx

from ...spaces.network.emission import Emittable
from ...spaces.network.emit import UnknownModule, serialize
from .accuracy import output_batches

FLOAT_TOLERANCE = 1e-3
"""Largest difference allowed in float, relative to the largest output."""
INTEGER_TOLERANCE = 0.1
"""Largest root mean square difference allowed with integers, relative to the outputs' own deviation: where torch and
the runtime round a value between two integers differently, the difference grows through the layers behind."""
JITTER = 1e-6
"""Where it grows beyond that, twice what so small a relative change of the inputs moves torch's own outputs by is
allowed: EfficientNet-B0 with random weights moves them by 0.10, and both runtimes differ by 0.11."""


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
    integers = any(isinstance(m, Emittable) for m in net.modules())
    try:
        return compare(expected, actual, integers)
    except ParityError:
        if not integers or expected.shape != actual.shape:
            raise
        return compare(expected, actual, integers, 2 * _moved_by_jitter(net, inputs, expected))


def _moved_by_jitter(net: fx.GraphModule, inputs: Tensor, outputs: np.ndarray) -> float:
    """How far the outputs move, relative as for integers, when the inputs change by next to nothing."""
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        moved = net(inputs * (1 + JITTER * noise)).numpy()
    return _deviation(outputs, moved)


def compare(expected: np.ndarray, actual: np.ndarray, integers: bool, tolerance: float = 0.0) -> float:
    """The relative difference of two outputs; see :func:`check_parity`. A greater ``tolerance`` replaces the usual."""
    if expected.shape != actual.shape:
        raise ParityError(f"the artefact gives shape {actual.shape}, the network {expected.shape}")
    if integers:
        difference = _deviation(expected, actual)
    else:
        difference = float(np.abs(actual - expected).max()) / (float(np.abs(expected).max()) or 1.0)
    tolerance = max(tolerance, INTEGER_TOLERANCE if integers else FLOAT_TOLERANCE)
    if not difference <= tolerance:
        raise ParityError(
            f"the artefact's outputs differ from the network's by {difference:.1e} (allowed {tolerance:g})"
        )
    return difference


def _deviation(expected: np.ndarray, actual: np.ndarray) -> float:
    """Root mean square difference, relative to the deviation of what is expected."""
    return float(np.sqrt(((actual - expected) ** 2).mean())) / (float(expected.std()) or 1.0)


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
