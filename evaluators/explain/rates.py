"""How long a layer should take on a device, by the layers of the same kind that run well there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Sample:
    """A layer that ran: its arithmetic, its form (kernel, grouped or not), MACs, and microseconds."""

    arithmetic: str
    form: str
    macs: int
    us: float


class Rates:
    """Fits ``us = launch + macs / rate`` to layers, for each arithmetic and form of kernel."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = [sample for sample in samples if sample.macs > 0 and sample.us > 0]

    def expected_us(self, arithmetic: str, form: str, macs: float) -> float | None:
        """Microseconds for a layer of so many MACs; None where no layer of that arithmetic was seen."""
        alike = [s for s in self._samples if s.arithmetic == arithmetic]
        alike = [s for s in alike if s.form == form] or alike
        if not alike or macs <= 0:
            return None
        known, times = np.array([float(s.macs) for s in alike]), np.array([s.us for s in alike])
        if known.max() < 1.5 * known.min():
            return float(np.median(times / known) * macs)
        # Relative errors count alike, so that small layers say what a launch takes.
        columns = np.stack([1 / times, known / times], axis=1)
        launch, per_mac = np.linalg.lstsq(columns, np.ones(len(alike)), rcond=None)[0]
        if launch < 0 or per_mac <= 0:
            return float(np.median(times / known) * macs)
        return float(launch + per_mac * macs)
