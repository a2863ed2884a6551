"""Profiles of two models that agree with what was measured of them: taken again where they do not."""

from __future__ import annotations

import math
from pathlib import Path

from ..device.device import Shapes
from ..device.link import DeviceLink
from ..device.profiled_run import ProfiledRun
from ..results.measurement import Measurement
from ..results.profile import AGREES_WITHIN, agree

MOST_PROFILES = 4

Pair = tuple[ProfiledRun, ProfiledRun]


def agreeing_profiles(
    device: DeviceLink,
    candidate: Path,
    reference: Path,
    ratio: Measurement,
    reference_ms: float,
    shapes: Shapes | None = None,
    batch: int = 1,
) -> Pair:
    """Profile two artefacts by turns, at the pace at which their latencies were measured.

    Both are profiled again, `MOST_PROFILES` times at most, where they are not to each other as was measured, or where
    the reference is far from its latency: something else slows the device down. What comes nearest is taken. Its times
    are then all made as much longer or shorter as the reference's latency is than its run in the profile, as a
    candidate's latency is its measured ratio times that latency.

    Args:
        device: where both run.
        candidate: an ONNX file.
        reference: likewise.
        ratio: of their latencies as measured, unit "x".
        reference_ms: latency of the reference.
        shapes: of inputs with free axes beside the first, by name.
        batch: of the inputs, where the first axis is free.

    Raises:
        DeviceError: where the device does not run or profile one of them.
    """
    taken: list[Pair] = []
    while len(taken) < MOST_PROFILES:
        taken.append(device.operators(candidate, reference, shapes, batch=batch))
        own, other = taken[-1]
        at_pace = abs(other.us / (1000 * reference_ms) - 1) <= AGREES_WITHIN
        if at_pace and agree(own.us, other.us, ratio):
            break

    def apart(pair: Pair) -> float:
        own, other = pair
        return abs(math.log(max(own.us, 1e-3) / max(other.us, 1e-3) / ratio.value))

    own, other = min(taken, key=apart)
    factor = 1000 * reference_ms / max(other.us, 1e-3)
    return own.at_pace(factor), other.at_pace(factor)
