"""Where a candidate of a run comes from, as its exported file tells."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metric import Metric
from ...evaluators.results.views.policy_words import candidate_in_words
from ...evaluators.storage.provenance import METRIC, Provenance
from ...spaces.files import read_json
from ...spaces.runtime_knob import runtime_in
from .config_file import CONFIG, read_config
from .run_config import RunConfig
from .run_facts import date_of, devices_of, in_runtime, quality_in
from .run_folder import ENVIRONMENT, TASK

COSTS = ("latency_ms", "latency_ratio", "size_bytes", "macs", "params", "memory_bytes", "energy_mj")
"""Keys that are told of the first device, and with ``@`` behind them of every other."""


@dataclass(frozen=True)
class Origin:
    """Tells of the candidates of one run; nothing is read before it is asked.

    Attributes:
        run: the run's folder.
    """

    run: Path

    def __call__(self, candidate: Candidate) -> Provenance:
        """What there is to tell; equal for equal records, whenever it is asked."""
        environment = self._read(ENVIRONMENT)
        config = RunConfig.of(read_config(self.run / CONFIG))
        version = str((environment.get("versions") or {}).get("parefront", ""))
        facts = {
            "version": version,
            "run": self.run.name,
            "trial": "uncompressed" if candidate.trial is None else str(candidate.trial),
            "policy": candidate.policy.digest,
            "date": date_of(self.run),
            **_measured(candidate, quality_in(environment)),
        }
        task = self._read(TASK)
        if task:
            facts["task"] = _digest(task)
        devices = devices_of(config, environment)
        if devices:
            runtime = runtime_in(candidate.policy)
            own = {name: _without_address(name, in_runtime(told, runtime)) for name, told in devices.items()}
            facts["devices"] = json.dumps(own)
        if candidate.recovered is not None:
            facts["trained"] = candidate.recovered.recipe
        text = f"parefront {version}, run {self.run.name}, {candidate.label}: {candidate_in_words(candidate)}"
        return Provenance(facts, candidate.trial or 0, text)

    def _read(self, name: str) -> dict[str, Any]:
        file = self.run / name
        return read_json(file) if os.path.lexists(file) else {}


def _measured(candidate: Candidate, quality: Metric) -> dict[str, str]:
    """The quality on both splits, and the costs on each device, with their intervals."""
    wanted = {*COSTS, quality.key, f"{quality.key}_change", f"test_{quality.key}", f"test_{quality.key}_change"}
    known = {key: value for key, value in candidate.metrics.items() if key.partition("@")[0] in wanted}
    return {f"{METRIC}{key}": json.dumps(value.to_json()) for key, value in known.items()}


def _without_address(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """What is told of a device, without the command that leads there: files are passed on, addresses are private."""
    return {key: value for key, value in told.items() if key != "name" or value == name}


def _digest(task: dict[str, Any]) -> str:
    """SHA-256 of a fingerprint's canonical JSON."""
    return hashlib.sha256(json.dumps(task, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
