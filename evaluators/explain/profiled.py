"""A candidate's profile by the network's layers: before and after, and what costs time in it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..device.link import DeviceLink
from ..results.finding import Finding
from ..results.measurement import Measurement
from ..results.profile import LayerTime, Profile
from .agreeing import agreeing_profiles
from .executed import Executed
from .findings import findings
from .shares import by_module


def profiled(
    device: DeviceLink,
    artifact: Path,
    uncompressed: Path,
    modules: Mapping[str, str],
    ratio: Measurement,
    uncompressed_ms: float,
    batch: int = 1,
) -> Profile:
    """Profile an artefact by turns with the uncompressed model.

    Args:
        device: where both run.
        artifact: an ONNX file whose nodes have the names that Parefront gives them.
        uncompressed: likewise.
        modules: of the network by the name of the step that calls each, in execution order.
        ratio: of the artefact's latency to the uncompressed model's as measured, unit "x".
        uncompressed_ms: latency of the uncompressed model.
        batch: of the inputs, where that axis is free.

    Raises:
        DeviceError: where the device does not run or profile one of them.
    """
    own, other = agreeing_profiles(device, artifact, uncompressed, ratio, uncompressed_ms, batch=batch)
    model, base = Executed(artifact, own.operators), Executed(uncompressed, other.operators)
    after, before = (by_module(_microseconds(executed), modules) for executed in (model, base))
    names = [name for name in dict.fromkeys(modules.values()) if name in after or name in before]
    layers = tuple(LayerTime(name, after.get(name, 0.0), before.get(name, 0.0)) for name in names)
    found = findings(model, base, device.profile.vector_width, device.options.providers[0])
    named = tuple(in_names_of_modules(one, modules) for one in found)
    return Profile(layers, own.us, other.us, named, (own.profiling_us, other.profiling_us))


def in_names_of_modules(finding: Finding, modules: Mapping[str, str]) -> Finding:
    """The finding with its nodes called as the network's modules are: ``layer1.0.conv1`` for ``layer1_0_conv1``."""

    def renamed(text: str) -> str:
        return re.sub(r"\w+", lambda word: modules.get(word[0], word[0]), text)

    layers = tuple(map(renamed, finding.layers))
    return replace(finding, layers=layers, text=renamed(finding.text), mend=renamed(finding.mend))


def _microseconds(executed: Executed) -> dict[str, float]:
    """What each weighted layer takes a run, by the name of its node."""
    taken: defaultdict[str, float] = defaultdict(float)
    for operator, layer in executed.weighted:
        taken[layer.name] += operator.us
    return dict(taken)
