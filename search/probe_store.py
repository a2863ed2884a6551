"""What probes have measured, kept in the run as it comes, and taken over from another run's where it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .atomic import write_json
from .record import read_json

PROBES = "probes.json"


class ProbeStore:
    """``probes.json``: divergences and costs by the policy's digest, with the seconds that each took.

    ``work`` is what each layer takes of a policy's costs, by the policy's digest and the cost; empty where that cannot
    be told. What could not be measured (a policy without a model) is kept as null, so that it is not tried again.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / PROBES
        held = read_json(self._file) if self._file.is_file() else {}
        self.divergences: dict[str, float | None] = held.get("divergences", {})
        self.costs: dict[str, dict[str, float] | None] = held.get("costs", {})
        self.work: dict[str, dict[str, dict[str, float]]] = held.get("work", {})
        self.seconds: float = held.get("seconds", 0.0)

    def add_divergence(self, digest: str, value: float | None, seconds: float) -> None:
        self.divergences[digest] = value
        self._save(seconds)

    def add_costs(self, digest: str, values: dict[str, float] | None, seconds: float) -> None:
        self.costs[digest] = values
        self._save(seconds)

    def add_work(self, digest: str, shares: dict[str, dict[str, float]], seconds: float) -> None:
        self.work[digest] = shares
        self._save(seconds)

    def take_over(self, other: ProbeStore, costs: bool) -> None:
        """Add what another run has measured: of the same model and methods, and ``costs`` of the same device."""
        self.divergences = {**other.divergences, **self.divergences}
        if costs:
            self.costs = {**other.costs, **self.costs}
            self.work = {**other.work, **self.work}
        self._save(0.0)

    def _save(self, seconds: float) -> None:
        self.seconds += seconds
        held: dict[str, Any] = {"divergences": self.divergences, "costs": self.costs, "work": self.work}
        write_json(self._file, {**held, "seconds": round(self.seconds, 3)})
