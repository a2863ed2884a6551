"""Why an artefact is, or is not, faster than another: both timed, both profiled, layer by layer, on one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from ..device.device import Shapes
from ..device.latency import Latency, LatencyProtocol, measure
from ..device.link import DeviceLink
from ..device.operator import Operator
from ..device.worker import scratch_folder
from ..results.finding import Finding
from ..results.profile import agree
from .agreeing import agreeing_profiles
from .executed import Executed
from .findings import findings


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """A layer, or an operator that belongs to none, in both models.

    Attributes:
        name: of the layer in the candidate, or in the reference where the candidate has none.
        us: microseconds in the candidate; None where it is not there.
        reference_us: likewise in the reference.
        operators: types of the operators that run it in the candidate, else in the reference.
    """

    name: str
    us: float | None
    reference_us: float | None
    operators: tuple[str, ...]

    @property
    def saved_us(self) -> float:
        """What the candidate saves on it; negative where it costs."""
        return (self.reference_us or 0.0) - (self.us or 0.0)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Attributes:
    latency: of the candidate against the reference, as measured.
    profile_us: microseconds of a run of the candidate and of the reference in their profiles, at the pace at which the
        latency was measured; not what profiling itself takes.
    operators_us: what the operators of both take together of that.
    layers: in the candidate's order, those of the reference alone at the end.
    findings: the dearest first.
    """

    latency: Latency
    profile_us: tuple[float, float]
    operators_us: tuple[float, float]
    layers: tuple[LayerTimes, ...]
    findings: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """Whether the profiles are to each other as the latencies; where not, something disturbed one of them."""
        return agree(*self.profile_us, self.latency.ratio)

    def to_json(self) -> dict[str, Any]:
        """A plain dict of numbers, texts and lists."""
        return {
            "latency": self.latency.to_json(),
            "profile_us": dict(zip(("model", "against"), self.profile_us, strict=True)),
            "operators_us": dict(zip(("model", "against"), self.operators_us, strict=True)),
            "agrees": self.agrees,
            "layers": [asdict(layer) for layer in self.layers],
            "findings": [asdict(finding) for finding in self.findings],
        }


def explain(
    device: DeviceLink,
    candidate: Path,
    reference: Path,
    protocol: LatencyProtocol | None = None,
    shapes: Shapes | None = None,
) -> Explanation:
    """Time and profile ``candidate`` against ``reference`` (both ONNX files) on the device.

    Raises:
        DeviceError: where it cannot.
    """
    latency = measure(device, candidate, reference, protocol, shapes)
    with scratch_folder() as folder:
        candidate, reference = (
            _named(path, Path(folder) / f"{role}.onnx") for role, path in enumerate((candidate, reference))
        )
        own, other = agreeing_profiles(device, candidate, reference, latency.ratio, latency.reference_ms.value, shapes)
        model, base = Executed(candidate, own.operators), Executed(reference, other.operators)
    found = findings(model, base, device.profile.vector_width, device.options.providers[0])
    return Explanation(latency, (own.us, other.us), (model.us, base.us), tuple(_layers(model, base)), tuple(found))


def _named(model: Path, copy: Path) -> Path:
    """The model, or a copy in which nodes without a name have that of their first output.

    The runtime reports what ran by the node's name, and makes one up where there is none.
    """
    loaded = ir.load(model)
    nameless = [node for node in loaded.graph if not node.name]
    if not nameless:
        return model
    for node in nameless:
        node.name = node.outputs[0].name
    ir.save(loaded, copy)
    return copy


def _layers(model: Executed, base: Executed) -> Iterator[LayerTimes]:
    for name in dict.fromkeys([*model.layers, *base.layers]):
        own, theirs = model.layers.get(name), base.layers.get(name)
        yield LayerTimes(name, _us(own), _us(theirs), tuple(operator.kind for operator in own or theirs or []))


def _us(operators: Sequence[Operator] | None) -> float | None:
    return None if operators is None else sum(operator.us for operator in operators)
