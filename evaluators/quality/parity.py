"""Whether an artefact computes what the network computes: ONNX Runtime against torch on a few inputs."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, fx

from ...spaces.network.emission import Emittable
from ...spaces.network.emit import UnknownModule, serialize
from ...spaces.tensors.batch import Array, Outputs, Tensors, mapped, named, to_arrays
from ...spaces.tensors.signature import OUTPUT
from ..runtimes.session import Session
from .inference import run_outputs

FLOAT_TOLERANCE = 1e-3
"""Largest difference allowed in float, relative to the largest output."""
INTEGER_TOLERANCE = 0.1
"""Largest root mean square difference allowed with integers, relative to the outputs' own deviation: where torch and
the runtime round a value between two integers differently, the difference grows through the layers behind."""
LIKENESS = 0.5
"""Largest root mean square difference, relative to the outputs' deviation, to a runtime that computes in another
precision: bfloat16, or 8-bit layers whose sums it rounds elsewhere. What that costs is for accuracy to tell, which is
computed in the same runtime; a file that it misreads differs by more."""
JITTER = 1e-6
"""Where it grows beyond that, twice what so small a relative change of the inputs moves torch's own outputs by is
allowed: EfficientNet-B0 with random weights moves them by 0.10, and both runtimes differ by 0.11."""


class ParityError(Exception):
    """An artefact that does not compute what its network computes."""


def check_parity(session: Session, net: fx.GraphModule, inputs: Tensors) -> float:
    """Compare all of an artefact's outputs to its network's on ``inputs``.

    Returns:
        The difference of the output that differs most, relative as the tolerance that applies.

    Raises:
        ParityError: where it is beyond the tolerance, or not finite.
    """
    expected = _outputs(net, inputs)
    actual = named(run_outputs(session, to_arrays(inputs), len(inputs)), OUTPUT)
    if actual.keys() != expected.keys():
        raise ParityError(f"the artefact gives {', '.join(actual)}, the network {', '.join(expected)}")
    integers = any(isinstance(m, Emittable) for m in net.modules())
    try:
        return max(compare(expected[name], actual[name], integers, name=name) for name in expected)
    except ParityError:
        if not integers or any(expected[name].shape != actual[name].shape for name in expected):
            raise
        moved = _outputs(net, mapped(_jittered, inputs))
        allowed = {name: 2 * deviation(expected[name], moved[name]) for name in expected}
        return max(compare(expected[name], actual[name], integers, allowed[name], name) for name in expected)


def check_likeness(session: Session, net: fx.GraphModule, inputs: Tensors) -> float:
    """As :func:`check_parity` in a runtime that is not exact, by :data:`LIKENESS`; of a file that is known to be right.

    Raises:
        ParityError: where an output differs by more, or is not finite.
    """
    expected = _outputs(net, inputs)
    actual = named(run_outputs(session, to_arrays(inputs), len(inputs)), OUTPUT)
    found = {name: deviation(expected[name], actual[name]) for name in expected}
    for name, difference in found.items():
        if not difference <= LIKENESS:
            raise ParityError(
                f"the runtime's {name} differs from the network's by {difference:.1e} (allowed {LIKENESS:g})"
            )
    return max(found.values())


def _outputs(net: fx.GraphModule, inputs: Tensors) -> dict[str, Array]:
    with torch.no_grad():
        outputs: Outputs = net(inputs)
    return {name: part.numpy() for name, part in named(outputs, OUTPUT).items()}


def _jittered(inputs: Tensor) -> Tensor:
    """Inputs that have changed by next to nothing; whole numbers and truth values as they are."""
    if not inputs.is_floating_point():
        return inputs
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
    return inputs * (1 + JITTER * noise)


def compare(expected: Array, actual: Array, integers: bool, tolerance: float = 0.0, name: str = OUTPUT) -> float:
    """The relative difference of two outputs; see :func:`check_parity`. A greater ``tolerance`` replaces the usual.

    Of whole numbers and truth values it is the share that differ.
    """
    which = "" if name == OUTPUT else f" {name}"
    if expected.shape != actual.shape:
        raise ParityError(f"the artefact gives{which} shape {actual.shape}, the network {expected.shape}")
    difference = (deviation if integers else largest)(expected, actual)
    tolerance = max(tolerance, INTEGER_TOLERANCE if integers else FLOAT_TOLERANCE)
    if not difference <= tolerance:
        raise ParityError(
            f"the artefact's outputs{which} differ from the network's by {difference:.1e} (allowed {tolerance:g})"
        )
    return difference


def largest(expected: Array, actual: Array) -> float:
    """Largest difference, relative to the largest of what is expected; of whole numbers the share that differ."""
    if expected.dtype.kind != "f":
        return float((expected != actual).mean())
    return float(np.abs(actual - expected).max()) / (float(np.abs(expected).max()) or 1.0)


def deviation(expected: Array, actual: Array) -> float:
    """Root mean square difference, relative to the deviation of what is expected; of whole numbers the share."""
    if expected.dtype.kind != "f":
        return float((expected != actual).mean())
    return float(np.sqrt(((actual - expected) ** 2).mean())) / (float(expected.std()) or 1.0)


def prove(net: fx.GraphModule, inputs: Tensors) -> None:
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
