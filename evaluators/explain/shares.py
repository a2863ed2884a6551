"""Which part of a run each layer takes on a device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from ..device.link import DeviceLink
from .executed import Executed


def layer_shares(device: DeviceLink, artifact: Path, reference: Path, batch: int = 1) -> dict[str, float]:
    """The share of all operators' time that each weighted layer takes, by the name of its node in the artefact.

    Of a run of the ``batch``, where that axis is free. What the runtime has fused into a layer counts as the layer's.
    Profiled by turns with ``reference``, as :meth:`Device.operators` does.

    Raises:
        DeviceError: where the device does not run or profile it.
    """
    ran, _ = device.operators(artifact, reference, batch=batch)
    executed = Executed(artifact, ran.operators)
    shares: defaultdict[str, float] = defaultdict(float)
    for operator, layer in executed.weighted:
        shares[layer.name] += operator.us
    return {name: us / executed.us for name, us in shares.items() if us > 0}


def by_module(shares: Mapping[str, float], modules: Mapping[str, str]) -> dict[str, float]:
    """The shares by the network's modules, of which one that runs twice takes both, and none what is not a module's.

    Args:
        shares: by the name of a node, which begins with the name of the network's step, up to a dot.
        modules: by the name of the step that calls each.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for name, share in shares.items():
        step = name.partition(".")[0]
        if step in modules:
            found[modules[step]] += share
    return dict(found)
